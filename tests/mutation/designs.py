"""The reference designs: small networks of every kind of RTL, built as a user builds them, with what proves them.

A build is kept in a folder of its name and of a hash of the package's sources, and taken from there until these change.
"""

from __future__ import annotations

import hashlib
import pickle
import runpy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fpga_ml.simulate.cosim import Vectors
from fpga_ml.simulate.prove import Bench

ROOT = Path(__file__).parents[2]
VECTORS = 200


@dataclass(frozen=True)
class Design:
    """A proven build. folder: the project's; vectors: of its co-simulation."""

    name: str
    folder: Path
    bench: Bench
    vectors: Vectors

    @property
    def files(self) -> tuple[Path, ...]:
        """The top last."""
        return tuple(self.folder / "rtl" / name for name in self.bench.rtl.files)


def built(name: str, work: Path) -> Design:
    """A design of DESIGNS, from the work folder where it is there already."""
    sources = [
        *sorted((ROOT / "fpga_ml").rglob("*.py")),
        *(ROOT / "fpga_ml").rglob("*.sv"),
        *(ROOT / "tb").rglob("*.py"),
        Path(__file__),
    ]
    key = hashlib.sha256(b"\0".join(f.read_bytes() for f in sources)).hexdigest()[:12]
    folder = work / f"{name}-{key}"
    kept = folder / "design.pickle"
    if not kept.exists():
        folder.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(_compiled(name, folder)))
    found: Design = pickle.loads(kept.read_bytes())
    return found


def _compiled(name: str, folder: Path) -> Design:
    import fpga_ml
    from fpga_ml.config import Config
    from fpga_ml.simulate.emulate import emulate_outputs
    from fpga_ml.simulate.prove import default_vectors, proof_vectors, raw_inputs

    model, data, settings = DESIGNS[name](folder)
    config = Config(vectors=VECTORS, **settings) if data is not None else None
    project = fpga_ml.compile(model, data=data, config=config, output=folder / "project")
    assert project.agrees
    bench = project.bench
    assert bench is not None
    x = raw_inputs(bench.graph, [a[: default_vectors(bench.rtl)] for a in project.x])
    vectors = proof_vectors(bench, x, lambda raw: emulate_outputs(bench.graph, raw))
    return Design(name, project.folder.resolve(), bench, vectors)


Recipe = Callable[[Path], tuple[Any, Any, Mapping[str, Any]]]  # model, data, settings of the build; given a folder


def _dense(bits: int, *, softmax: bool = False) -> Any:
    """4-6-3 with a rounded and saturated activation in the middle."""
    import keras
    import qkeras

    keras.utils.set_random_seed(3)
    stack = [keras.Input((4,), name="x"), _qdense(6, bits, name="hidden")]
    stack += [qkeras.QActivation(qkeras.quantized_relu(5, 1), name="relu"), _qdense(3, bits, name="logits")]
    stack += [keras.layers.Softmax(name="softmax")] if softmax else []
    return keras.Sequential(stack, name="dense")


def _qdense(count: int, bits: int, **options: Any) -> Any:
    import qkeras

    kernel = qkeras.quantized_bits(bits, 1, alpha=1)
    return qkeras.QDense(count, kernel_quantizer=kernel, bias_quantizer=kernel, **options)


def _normal(*shape: int) -> Any:
    return np.random.default_rng(5).normal(size=(VECTORS, *shape))


def _parallel(_: Path) -> tuple[Any, Any, Mapping[str, Any]]:
    return _dense(6), _normal(4), {"input_type": "fixed<8,3>", "clock_ns": 2.0}


def _folded(_: Path) -> tuple[Any, Any, Mapping[str, Any]]:
    """A dense layer and products of two tensors, both smaller in rounds."""
    import keras

    keras.utils.set_random_seed(3)
    x = keras.Input((12,), name="x")
    rows = keras.layers.Reshape((2, 3), name="rows")(_qdense(6, 10, name="hidden")(x))
    model = keras.Model(x, keras.layers.Dot(axes=(2, 2), name="pairs")([rows, rows]), name="folded")
    return model, _normal(12), {"input_type": "fixed<8,3>", "interval_cycles": 12}


def _softmax(_: Path) -> tuple[Any, Any, Mapping[str, Any]]:
    return _dense(6, softmax=True), _normal(4), {"input_type": "fixed<8,3>", "softmax_table_bits": 6}


def _cnn(_: Path) -> tuple[Any, Any, Mapping[str, Any]]:
    import keras
    import qkeras

    keras.utils.set_random_seed(3)
    w = qkeras.quantized_bits(5, 1, alpha=1)
    stack = [keras.Input((6, 6, 1), name="x")]
    stack += [qkeras.QConv2D(2, 3, padding="same", kernel_quantizer=w, bias_quantizer=w, name="conv")]
    stack += [qkeras.QActivation(qkeras.quantized_relu(5, 2), name="relu"), keras.layers.MaxPooling2D(2, name="pool")]
    stack += [keras.layers.Flatten(name="flatten"), _qdense(2, 6, name="out")]
    return keras.Sequential(stack, name="cnn"), _normal(6, 6, 1), {"input_type": "fixed<6,3>", "arch": "stream"}


def _recurrent(_: Path) -> tuple[Any, Any, Mapping[str, Any]]:
    """With weights that drive its gates and its state to their ends."""
    import keras

    keras.utils.set_random_seed(3)
    large = keras.initializers.RandomNormal(stddev=1.5, seed=3)
    cell = keras.layers.LSTM(4, kernel_initializer=large, recurrent_initializer=large, name="lstm")
    stack = [keras.Input((5, 2), name="x"), cell, keras.layers.Dense(2, name="out")]
    return keras.Sequential(stack, name="lstm"), _normal(5, 2), {"bits": 8, "arch": "stream"}


def _celeste(folder: Path) -> tuple[Any, Any, Mapping[str, Any]]:
    """A star on 4x4 pixels, with the settings that its model is written with."""
    write = runpy.run_path(str(ROOT / "models" / "celeste" / "model.py"))["write"]
    write(folder / "model", "D14", ["star"], 2, 4, each=4, simulated=24)
    return folder / "model", None, {}


DESIGNS: Mapping[str, Recipe] = {
    "parallel": _parallel,
    "folded": _folded,
    "cnn": _cnn,
    "recurrent": _recurrent,
    "celeste": _celeste,
    "softmax": _softmax,
}
