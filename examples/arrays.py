"""A recording to codes and back, in memory: python examples/arrays.py IN OUT"""

from __future__ import annotations

import sys

import soundfile

import codectool

source, target = sys.argv[1:]
model = codectool.load("base_24khz")
audio, rate = soundfile.read(source)  # float64 [samples] or [samples, channels]
codes = model.encode(audio, rate, bitrate=6000, channels_last=audio.ndim == 2)  # uint16 [levels, frames]
print(f"{audio.size} samples, {codes.size} codes: {codes.shape[0]} a frame, {model.frame_rate:g} frames/s")
decoded = model.decode(codes, rate, samples=len(audio))  # float32 [channels, samples]
soundfile.write(target, decoded.T, rate)
