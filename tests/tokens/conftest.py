"""What tests of data sets share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tokens.samples import write_clips


@pytest.fixture
def clips(tmp_path: Path, small_weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of seven clips, and a small model to encode them with."""
    monkeypatch.setenv("CODECTOOL_WEIGHTS", str(small_weights))
    monkeypatch.chdir(tmp_path)
    write_clips(tmp_path / "clips", 7)
    return tmp_path / "clips"
