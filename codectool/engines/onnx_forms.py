"""Graphs brought into the form that they run in, so that no engine need improve them at every start.

Needs `onnxscript`, and works on its representation of a graph.
"""

from __future__ import annotations

from onnxscript import ir, optimizer, rewriter
from onnxscript.rewriter.rules.common import collapse_slice_rule, no_op_transpose_rule

STORED_VALUES = 1 << 18  # of a constant at most; the cosines of 640 samples have 189 440


def simplify(model: ir.Model) -> None:
    """Compute what is constant, do once what is done twice, and leave out what does nothing."""
    # Not optimizer.optimize, which takes the addition of a very small number for nothing and leaves it out.
    optimizer.fold_constants(model, input_size_limit=STORED_VALUES, output_size_limit=STORED_VALUES)
    rewriter.rewrite(model, [collapse_slice_rule, no_op_transpose_rule])
    ir.passes.Sequential(
        ir.passes.common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0),
        ir.passes.common.DeduplicateInitializersPass(size_limit=STORED_VALUES),
        ir.passes.common.CommonSubexpressionEliminationPass(),
        ir.passes.common.IdentityEliminationPass(),
        ir.passes.common.RemoveUnusedNodesPass(),
    )(model)


def lay_out(graph: ir.Graph, weights: set[str]) -> dict[str, list[int]]:
    """Take out what only turns a weight about, and return for each such weight which of its axes stay.

    They are in the order in which the graph then takes them; axes that are not among them have one step.
    """
    axes_of: dict[str, list[int]] = {}
    for value in [value for value in graph.inputs if value.name in weights]:
        assert value.name is not None
        assert value.shape is not None
        shape, axes, last = value.shape, list(range(len(value.shape))), value
        passed: list[ir.Node] = []
        while len(consumers := last.consumers()) == 1 and (turned := _turned(consumers[0], axes)) is not None:
            axes = turned
            passed.append(consumers[0])
            last = passed[-1].outputs[0]
        if passed:
            ir.convenience.replace_all_uses_with(last, value)
            graph.remove(reversed(passed), safe=True)
            value.shape = ir.Shape([shape[axis] for axis in axes])
            axes_of[value.name] = axes
    return axes_of


def _turned(node: ir.Node, axes: list[int]) -> list[int] | None:
    """Return what a node makes of these axes, None if it does more than turn them about."""
    if node.op_type == "Transpose" and "perm" in node.attributes:
        return [axes[axis] for axis in node.attributes["perm"].as_ints()]
    if node.op_type == "Squeeze" and len(node.inputs) > 1 and node.inputs[1] is not None:
        dropped = ir.convenience.get_const_tensor(node.inputs[1])
        if dropped is not None:
            gone = {int(axis) % len(axes) for axis in dropped.numpy()}
            return [axis for place, axis in enumerate(axes) if place not in gone]
    return None
