"""Whether the Keras model that was made of an ONNX file computes what the file says, on the samples of a build.

The file is evaluated in double precision by evaluate.py, node by node, which knows nothing of Keras. onnxruntime, and qonnx
for QONNX, compute it in single precision: by how much they differ goes into the report.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.frontend.onnx.apart import Exchanged
from fpga_ml.frontend.onnx.graph import Graph, need
from fpga_ml.frontend.onnx.meaning.settings import Array
from fpga_ml.frontend.reference import Reference

SAMPLES = 256
_OF_QONNX = 8  # samples: it opens a session for each node of each
# Of the largest value: of double precision after some layers, and of scales that were rounded to single precision.
_NOISE, _NOISE_OF_SCALES = 2.0**-36, 2.0**-18
_ROUNDERS = ("Quant", "IntQuant", "BipolarQuant", "Trunc", "QuantizeLinear")


def compared(made: Exchanged, reference: Reference, x: Sequence[Array], rounded_x: Sequence[Array], name: str) -> list[str]:
    """What to know of it. Raises FpgaMlError where the model is another function than the file."""
    first, rounded = [a[:SAMPLES] for a in x], [a[:SAMPLES] for a in rounded_x]
    exact = not (made.inexact or made.rounded)
    noise = 0.0 if exact else _NOISE_OF_SCALES if made.rounded else _NOISE
    outputs = reference.quantised_outputs if not made.inexact else reference.float_outputs
    of_file = made.folded.evaluate(first)
    wanted = of_file if made.inexact else made.folded.evaluate(rounded)
    notes = []
    for number, (theirs, ours) in enumerate(zip(wanted, outputs, strict=True), 1):
        ours = ours[:SAMPLES].reshape(theirs.shape)
        apart = np.abs(ours - theirs)
        wrong = apart > noise * np.abs(theirs).max(initial=0.0)
        steps = not exact and any(n.op in _ROUNDERS for n in made.folded.nodes)
        if wrong.any() and not (steps and wrong.mean() < 0.01):
            raise FpgaMlError(
                f"{int(wrong.sum())} of {wrong.size} values of output {number} are not what the ONNX file says; the largest"
                f" difference is {apart.max():.3g}",
                where=f"model '{name}'",
                do="report it, with the file: it is a fault of fpga_ml",
            )
        if wrong.any():
            notes.append(
                f"{int(wrong.sum())} of {wrong.size} values of output {number} are a step of a Quant beside the file's"
            )
    return [_of_kind(made, exact), *notes, _single(made.folded.graph, first, of_file)]


def _of_kind(made: Exchanged, exact: bool) -> str:
    if exact:
        return "fully quantised: every value is that of the ONNX file, evaluated exactly"
    if not made.inexact:
        return f"fully quantised; scales of {_some(made.rounded)} are rounded to single precision"
    return f"{len(made.inexact)} nodes of the ONNX file are not quantised ({_some(made.inexact)}): the data give their types"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _single(graph: Graph, x: Sequence[Array], exact: Sequence[Array]) -> str:
    """What the file's own runtime makes of it."""
    program, count = ("qonnx", _OF_QONNX) if _is_quantised(graph) else ("onnxruntime", len(x[0]))
    try:
        theirs = by_runtime(graph, [a[:count] for a in x])
    except FpgaMlError:
        raise
    except Exception as error:  # of whatever kind
        said = next(iter(str(error).splitlines()), type(error).__name__)
        return f"{program} does not run the file: {said}"
    apart = max(float(np.abs(t.reshape(e[:count].shape) - e[:count]).max()) for t, e in zip(theirs, exact, strict=True))
    largest = max(float(np.abs(e).max()) for e in exact)
    return f"{program}, in single precision, differs from the exact values by at most {apart:.2g}, of at most {largest:.3g}"


def by_runtime(graph: Graph, x: Sequence[Array]) -> list[Array]:
    """The outputs as the file's own runtime computes them, in single precision."""
    need("onnx")
    from onnx.helper import tensor_dtype_to_np_dtype

    kinds = {v.name: tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type) for v in graph.model.graph.input}
    run = (_by_qonnx if _is_quantised(graph) else _by_onnxruntime)(graph)
    every = [v.name for v in graph.model.graph.output]
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for sample in zip(*x, strict=True):
            found.append(run({n: a[None].astype(kinds[n]) for (n, _), a in zip(graph.inputs, sample, strict=True)}))
    by_name = dict(zip(every, zip(*found, strict=True), strict=True))
    return [np.concatenate([np.atleast_1d(y) for y in by_name[n]]).astype(np.float64) for n in graph.outputs]


def _is_quantised(graph: Graph) -> bool:
    return any(n.domain not in ("", "ai.onnx") for n in graph.model.graph.node)


Run = Callable[[dict[str, Array]], list[Array]]  # of one sample


def _by_onnxruntime(graph: Graph) -> Run:
    runtime = need("onnxruntime")
    options = runtime.SessionOptions()
    options.log_severity_level = 4
    session = runtime.InferenceSession(graph.model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda given: list(session.run(None, given))


def _by_qonnx(graph: Graph) -> Run:
    need("qonnx")
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.util.cleanup import cleanup_model

    model = cleanup_model(ModelWrapper(graph.model))
    inputs, outputs = ([v.name for v in side] for side in (model.graph.input, model.graph.output))

    def run(given: dict[str, Array]) -> list[Array]:
        made = execute_onnx(model, dict(zip(inputs, given.values(), strict=True)))
        return [made[n] for n in outputs]

    return run
