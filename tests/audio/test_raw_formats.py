"""Headerless formats by ffmpeg's names, held against libsndfile's idea of them."""

from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from codectool.audio.pcm import CODING_OF_RAW_NAME, law_levels

SUBTYPES = {
    "u8": ("PCM_U8", "FILE"),
    "s8": ("PCM_S8", "FILE"),
    "mulaw": ("ULAW", "FILE"),
    "alaw": ("ALAW", "FILE"),
    **{
        f"{name}{end}": (subtype, endian)
        for name, subtype in (
            ("s16", "PCM_16"),
            ("s24", "PCM_24"),
            ("s32", "PCM_32"),
            ("f32", "FLOAT"),
            ("f64", "DOUBLE"),
        )
        for end, endian in (("le", "LITTLE"), ("be", "BIG"))
    },
}


@pytest.mark.parametrize("name", CODING_OF_RAW_NAME)
def test_every_format_is_as_libsndfile_reads_and_writes_it(name: str) -> None:
    subtype, endian = SUBTYPES[name]
    raw = {"samplerate": 8000, "format": "RAW", "subtype": subtype, "endian": endian}
    coding = CODING_OF_RAW_NAME[name]
    audio = np.random.default_rng(0).uniform(-0.99, 0.99, (500, 2)).astype(np.float32)
    stream = io.BytesIO()
    soundfile.write(stream, audio, **raw)
    theirs = stream.getvalue()
    read, _ = soundfile.read(io.BytesIO(theirs), channels=2, dtype="float32", **raw)
    np.testing.assert_allclose(coding.decode(theirs, 2), read.T, atol=1e-7)
    data, clipped = coding.encode(read.T)
    assert (data, clipped) == (theirs, 0)


@pytest.mark.parametrize("law", ["mulaw", "alaw"])
def test_laws_code_their_own_levels_as_they_were(law: str) -> None:
    levels = law_levels(law).astype(np.float32) / 2**15
    data, _ = CODING_OF_RAW_NAME[law].encode(levels[None])
    np.testing.assert_array_equal(law_levels(law)[np.frombuffer(data, np.uint8)] / 2**15, levels)
