"""What earlier weights wrote decodes as long as the released ones code the same."""

from __future__ import annotations

from dataclasses import replace

from codectool.models.loaded import LoadedModel

EARLIER = bytes(range(8))


def test_first_levels_of_earlier_weights_are_taken(small_model: LoadedModel) -> None:
    entry = replace(small_model.entry, fingerprint=small_model.fingerprint, earlier={EARLIER: 16})
    released = replace(small_model, entry=entry)
    assert released.decodes(small_model.fingerprint, 32)
    assert released.decodes(EARLIER, 16)
    assert not released.decodes(EARLIER, 17)
    assert not released.decodes(bytes(8), 1)
    other = replace(released, identify=lambda: bytes(8))  # weights of somebody's own
    assert not other.decodes(EARLIER, 1)
