"""A check that the codes in shards are those that each recording gets by itself."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codectool.container import codes_of, open_reader
from codectool.pipeline import EncodeJob, encode
from codectool.tokens.items import Input
from codectool.tokens.jobs import TokenizeJob
from codectool.tokens.reading import is_empty, read


@dataclass
class Checked:
    """How many codes, of how many recordings, were compared, and how many differ."""

    items: int = 0
    codes: int = 0
    differing_codes: int = 0


def check(job: TokenizeJob, count: int) -> Checked:
    """Encode `count` recordings of a job alone, as `codec encode` does; compare with its shards.

    The recordings are drawn at random among whole audio files.
    """
    chosen: list[tuple[str, Input]] = []
    seen = 0
    number, parts = job.part
    for shard in job.shards():
        if shard.number % parts == number:
            for each in shard.inputs:
                if each.problem is None and not each.place.is_coded and each.place.start_s is None:
                    seen += 1
                    if len(chosen) < count:
                        chosen.append((shard.name, each))
                    elif (place := random.randrange(seen)) < count:
                        chosen[place] = shard.name, each
    result = Checked()
    for name in sorted({name for name, _ in chosen}):
        wanted = {each.key: each for shard_name, each in chosen if shard_name == name}
        path = Path(job.target) / name
        if is_empty(path):
            continue
        for item in read(path):
            if item["id"] in wanted:
                _compare(item["codes"], wanted[item["id"]], job, result)
    return result


def _compare(codes: np.ndarray, given: Input, job: TokenizeJob, result: Checked) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(given.place.path)
        if given.place.row is not None or given.place.start_byte is not None:
            source = Path(folder, "recording")
            source.write_bytes(given.place.read())
        target = Path(folder, "alone.ecdc")
        encode(
            EncodeJob(
                str(source),
                str(target),
                levels=job.level_count,
                model=job.model,
                weights=job.weights,
                device=job.device,
                precision=job.precision,
                engine=job.engine,
            )
        )
        with target.open("rb") as file:
            alone = codes_of(open_reader(file))[0]
    result.items += 1
    result.codes += codes.size
    same_shape = alone.shape == codes.shape
    result.differing_codes += int(np.count_nonzero(alone != codes)) if same_shape else codes.size
