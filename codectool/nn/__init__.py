"""Layers with explicit streaming state, and residual vector quantization.

Inside this package every signal is channels-last, `[batch, time, channels]`, so that each pointwise
convolution is one matrix product without copies. Models turn to `[batch, channels, time]` at their border.
"""
