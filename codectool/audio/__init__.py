"""Audio at the ends of a stream: files, pipes, raw PCM, resampling, mixing and hop framing.

An audio block is a float32 array `[channels, samples]`, nominal range -1 to 1. Every part takes blocks as
they come, so memory does not grow with the length of a recording.
"""
