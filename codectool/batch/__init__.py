"""Many files: what is to be done is planned first, then done by workers, resumed, and reported. No torch."""

from __future__ import annotations

from codectool.batch.planning import BatchJob, Item, Plan, plan, plan_files
from codectool.batch.report import Outcome, Report, Status
from codectool.batch.resume import remove_source
from codectool.batch.running import preview, run

__all__ = [
    "BatchJob",
    "Item",
    "Outcome",
    "Plan",
    "Report",
    "Status",
    "plan",
    "plan_files",
    "preview",
    "remove_source",
    "run",
]
