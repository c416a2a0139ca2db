"""Quality: metrics of decoded audio against its reference, and rate-quality tables of codecs."""

from __future__ import annotations

from codectool.quality.job import EvalJob, evaluate, write_files
from codectool.quality.mel import mel_distance_db
from codectool.quality.metrics import (
    METRICS,
    Metric,
    Scores,
    available_metrics,
    pesq_wb,
    score,
    si_sdr_db,
    stoi,
    visqol,
)
from codectool.quality.report import Report

__all__ = [
    "METRICS",
    "EvalJob",
    "Metric",
    "Report",
    "Scores",
    "available_metrics",
    "evaluate",
    "mel_distance_db",
    "pesq_wb",
    "score",
    "si_sdr_db",
    "stoi",
    "visqol",
    "write_files",
]
