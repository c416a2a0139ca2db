"""Codecs of the field that are not here, and why; plain data."""

from __future__ import annotations

ABSENT = {
    "spectrostream": "48 kHz stereo, 4-16 kbps: all its code is JAX (magenta-rt), to be written anew",
    "dualcodec": "24 kHz, to 3.1 kbps: its encoder needs the features of w2v-BERT 2.0, 600 M parameters",
    "voxtral_codec": "24 kHz, 2.14 kbps: the weights of its encoder are not released",
    "xcodec2": "16 kHz, 0.8 kbps: its encoder needs w2v-BERT 2.0; weights not for commercial use",
    "neucodec": "24 kHz, 0.8 kbps: its encoder needs w2v-BERT 2.0, 600 M parameters",
}
