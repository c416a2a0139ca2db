"""The language model of entropy-coded version 0 files, loaded when a file turns out to need it."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from codectool.container import HeaderV0, LanguageModelFinder, Predictor
from codectool.errors import WeightsError

BOUND_TO_MACHINE = (
    "is entropy-coded: sure to be read only with the same processor, PyTorch and "
    "`language_model_threads` as it was written with; `codec convert` makes it a "
    "version 1 file, which is read everywhere"
)


class NamesLanguageModel(Protocol):
    """A job that may name the file of a language model."""

    @property
    def source(self) -> str:
        """The input, which errors name."""
        ...

    @property
    def language_model(self) -> Path | None:
        """The file, if one was named."""
        ...

    @property
    def language_model_threads(self) -> int:
        """The threads it runs on, which its numbers depend on."""
        ...


def language_model_of(job: NamesLanguageModel) -> LanguageModelFinder:
    """Return what loads the language model that a job names, for a file with a certain header."""

    def load(header: HeaderV0) -> Predictor:
        from codectool.models.encodec_lm import load_language_model

        if job.language_model is None:
            raise WeightsError(
                f"{job.source}: is entropy-coded, and so needs the language model of {header.model}: "
                "name its file with `language_model=FILE`"
            )
        return load_language_model(header.entry, job.language_model, job.language_model_threads)

    return load
