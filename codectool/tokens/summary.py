"""What a data set holds, and whether it is whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codectool.errors import DataError
from codectool.tokens.formats import state_folder
from codectool.tokens.reading import OpenShard, open_shards, shard_paths
from codectool.tokens.records import Description, Record
from codectool.tokens.shards import sha256_of


@dataclass
class LevelUse:
    """How often each code of a level is used."""

    counts: npt.NDArray[np.int64]

    def add(self, codes: npt.NDArray[Any]) -> None:
        """Count the codes `[frames]` of one more recording."""
        self.counts += np.bincount(codes, minlength=len(self.counts))

    def facts(self) -> dict[str, Any]:
        """Return the number of codes that were never used, and the perplexity.

        The perplexity is the number of codes that, used equally often, would be as hard to guess.
        """
        used = self.counts[self.counts > 0]
        shares = used / max(1, used.sum())
        perplexity = float(np.exp(-(shares * np.log(shares)).sum())) if len(used) else 0.0
        return {
            "codes": len(self.counts),
            "perplexity": round(perplexity, 2),
            "dead_codes": len(self.counts) - len(used),
        }


@dataclass
class TokensSummary:
    """A data set, read to its end."""

    description: Description
    shards: int = 0
    items: int = 0
    frames: int = 0
    duration_s: float = 0.0
    levels: list[LevelUse] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """Return the facts as plain values, by names with units."""
        codes = self.frames * self.description.levels
        return {
            "shards": self.shards,
            "items": self.items,
            "hours": self.duration_s / 3600,
            "frames": self.frames,
            "codes": codes,
            "codes_per_s": round(codes / self.duration_s, 3) if self.duration_s else None,
            **self.description.facts(),
            "use": [level.facts() for level in self.levels],
        }


def summarize(source: str | Path) -> TokensSummary:
    """Read a data set, or one shard, to its end and sum it up.

    Raises DataError for damage, and for shards that were made in different ways.
    """
    summary: TokensSummary | None = None
    for shard in open_shards(source):
        if summary is None:
            summary = TokensSummary(shard.description)
            summary.levels = [LevelUse(np.zeros(size, np.int64)) for size in shard.description.codebook_sizes]
        if shard.description != summary.description:
            raise DataError(
                f"{shard.path}: its codes were made in another way than those of the shards before"
            )
        summary.shards += 1
        for record in checked_records(shard):
            assert record.codes is not None
            summary.items += 1
            summary.frames += record.codes.shape[1]
            summary.duration_s += record.duration_s
            for level, row in zip(summary.levels, record.codes, strict=True):
                level.add(row)
    assert summary is not None
    return summary


def checked_records(shard: OpenShard) -> Iterator[Record]:
    """Yield the records of a shard.

    Raises DataError for codes that its codebooks do not have, and for a length that cannot be.
    """
    description = shard.description
    sizes = np.array(description.codebook_sizes)[:, None]
    for record in shard.records:
        codes = record.codes
        assert codes is not None
        if len(codes) != description.levels or not ((codes >= 0) & (codes < sizes)).all():
            raise DataError(f"{shard.path}: {record.key}: holds codes that its codebooks do not have")
        given_s = codes.shape[1] / float(description.frame_rate)
        if description.segment_frames is None and given_s < record.duration_s - 1 / float(
            description.frame_rate
        ):
            raise DataError(
                f"{shard.path}: {record.key}: {given_s:.3f} s of codes for {record.duration_s:.3f} s"
            )
        yield record


def verify_tokens(source: str | Path) -> Iterator[tuple[Path, str | None]]:
    """Yield each shard of a data set, and what is wrong with it, None if nothing is.

    Every code is looked at. So is the digest that was kept when the shard was written, where it is still
    there.
    """
    for path in shard_paths(source):
        try:
            kept = _kept_digest(path)
            if kept is not None and sha256_of(path) != kept:
                raise DataError(f"{path}: is not the file that was written")
            for shard in open_shards(path):
                for _ in checked_records(shard):
                    pass
        except (DataError, OSError) as error:
            yield path, str(error)
        else:
            yield path, None


def _kept_digest(path: Path) -> str | None:
    for alone in (False, True):
        try:
            kept = json.loads((state_folder(path.parent, alone) / f"{path.name}.json").read_text())
            return str(kept["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None
