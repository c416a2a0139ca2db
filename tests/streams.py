"""Whole streams through sessions, pushed in pieces."""

from __future__ import annotations

import numpy as np

from codectool.audio.pcm import Block
from codectool.container import Codes
from codectool.sessions.streaming import DecoderSession, EncoderSession


def encoded(session: EncoderSession, audio: Block, piece_samples: int) -> Codes:
    """Encode audio to its end."""
    starts = range(0, audio.shape[1], piece_samples)
    codes = [session.push(audio[:, start : start + piece_samples]) for start in starts]
    return np.concatenate([*codes, session.finish()], axis=1)


def decoded(session: DecoderSession, codes: Codes, piece_frames: int) -> Block:
    """Decode codes to their end."""
    starts = range(0, codes.shape[1], piece_frames)
    audio = [session.push(codes[:, start : start + piece_frames]) for start in starts]
    return np.concatenate([*audio, session.finish()], axis=1)
