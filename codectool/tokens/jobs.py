"""What to tokenize, as a plain value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from codectool.errors import UsageError
from codectool.models.loading import RunsModel
from codectool.models.registry import DEFAULT_MODEL, find
from codectool.tokens.formats import BESIDE_CUTS, DEFAULT_FORMAT, Format, format_of
from codectool.tokens.inputs import find_inputs
from codectool.tokens.shar_input import is_shar, shar_shards
from codectool.tokens.shards import Shard, plan_shards, with_own_keys

SHARD_ITEMS = 1000


@dataclass(frozen=True)
class TokenizeJob(RunsModel):
    """What to tokenize, into what, and how.

    Attributes:
        source: a folder, a list, a manifest, a tar, Parquet or audio file; `-` is a list on stdin.
        target: the folder of the shards.
        form: name of a format.
        levels, rate_bps: how many levels, or what rate they may have; with neither, the model's usual rate.
        model: name of the model.
        shard_items: recordings in a shard.
        part: number of this process, and of how many; it writes every shard whose number fits.
        workers: processes of this machine that share the work.
        overwrite: write a data set anew.
        retry: write shards anew in which recordings failed.
        keep_paths: pass the paths of inputs through.
    """

    half: ClassVar[str | None] = "encoder"
    source: str
    target: str
    form: str = DEFAULT_FORMAT
    levels: int | None = None
    rate_bps: float | None = None
    model: str = DEFAULT_MODEL
    shard_items: int = SHARD_ITEMS
    part: tuple[int, int] = (0, 1)
    workers: int = 1
    overwrite: bool = False
    retry: bool = False
    keep_paths: bool = False

    @property
    def format(self) -> Format:
        """The format; for existing cuts, the format of codes beside them."""
        found = format_of(self.form)
        return BESIDE_CUTS if found.alone and is_shar(self.source) else found

    @property
    def level_count(self) -> int:
        """The number of levels; UsageError for a model or a rate that does not exist."""
        entry = find(self.model)
        levels = entry.levels_for(self.rate_bps) if self.levels is None else self.levels
        entry.check_levels(levels)
        return levels

    def shards(self) -> Iterator[Shard]:
        """Yield all shards of the data set, those of other parts, too."""
        if is_shar(self.source):
            planned = shar_shards(self.source, self.format.pattern)
        else:
            inputs = find_inputs(self.source, self.keep_paths)
            planned = plan_shards(inputs, self.format.pattern, self.shard_items)
        return with_own_keys(planned)

    def check(self) -> None:
        """Raise UsageError for choices that cannot be."""
        number, count = self.part
        if not 0 <= number < count:
            raise UsageError(f"part {number} of {count}: parts count from 0")
        if count > 1 and self.overwrite:
            raise UsageError(
                f"{self.target}: parts would remove each other's shards: remove the folder first"
            )
        if self.shard_items < 1 or self.workers < 1:
            raise UsageError("a shard needs 1 recording, and the work 1 process, at least")
        source, target = Path(self.source).resolve(), Path(self.target).resolve()
        suffix = Path(self.format.pattern).suffix
        if suffix in (".tar", ".parquet") and not self.format.alone and target.is_relative_to(source):
            raise UsageError(
                f"{self.target}: lies in the input, whose .tar and .parquet files are read: name another"
            )
        _ = self.level_count
