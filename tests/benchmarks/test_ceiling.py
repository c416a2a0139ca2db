"""The products that are run alone are those of the network."""

from __future__ import annotations

from benchmarks.ceiling import LEVELS, WEIGHTS, product_shapes
from codectool.models.onnx_loading import fitting_graphs
from codectool.models.registry import find


def test_every_product_is_counted() -> None:
    graphs = fitting_graphs(find("base_24khz"), WEIGHTS)
    assert graphs is not None
    stage = graphs.stages[0]
    encoder, decoder = product_shapes(stage.encoder), product_shapes(stage.decoder)
    for shapes in (encoder, decoder):
        assert shapes.count((256, 768)) == shapes.count((768, 256)) == 8
    assert encoder.count((64, 1024)) == LEVELS
    assert (3 * 321, 256) in encoder
    assert {(7 * 64, 256), (256, 2 * 321)} <= set(decoder)
