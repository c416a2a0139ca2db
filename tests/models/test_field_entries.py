"""What the registry says of the codecs of the field follows from the networks that are built."""

from __future__ import annotations

import pytest
import torch

from codectool.models.field_entries import ENTRIES
from codectool.models.torch_loading import family_of

NETWORKS = [entry for entry in ENTRIES if not entry.engine]


@pytest.mark.parametrize("entry", NETWORKS, ids=lambda entry: entry.name)
def test_entries_say_what_is_built(entry) -> None:  # type: ignore[no-untyped-def]
    family = family_of(entry)
    config = family.config(**entry.config)
    with torch.device("meta"):  # shapes only
        codec = family.build(config)
    assert isinstance(codec, torch.nn.Module)
    assert codec.quantizer.levels == entry.levels
    assert (config.sample_rate_hz, config.hop_samples) == (entry.sample_rate_hz, entry.hop_samples)
    assert config.codebook_size == entry.codebook_size
    assert sum(tensor.numel() for tensor in codec.state_dict().values()) == entry.parameters
    ahead = codec.encoder.look_ahead + codec.decoder.look_ahead * entry.hop_samples
    assert entry.latency_samples == entry.hop_samples + ahead
    assert entry.causal == (ahead == 0)
    assert sum(entry.rows_per_codebook) in (0, entry.levels)
    assert codec.frames_for(1) == 1
