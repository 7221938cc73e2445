"""Bad inputs of every kind, one row each: the text of the error, and that it comes before any other program is started."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner
from keras import layers as L

import fpga_ml
from fpga_ml.__main__ import main
from fpga_ml.config import Config, LayerConfig
from fpga_ml.errors import FpgaMlError
from fpga_ml.labels import checked_labels

Try = Callable[[Path], Any]
VERSIONS = ("-V", "--version", "find_libpython")  # what may be asked of other programs
X = np.random.default_rng(0).normal(size=(6, 4))


@pytest.fixture(autouse=True)
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler, no simulator: what starts one has not been checked before work began."""
    start = subprocess.Popen

    def checked(arguments: Any, *rest: Any, **options: Any) -> Any:
        assert {*map(str, arguments)} & {*VERSIONS}, f"started: {arguments}"
        return start(arguments, *rest, **options)

    monkeypatch.setattr(subprocess, "Popen", checked)


def net(*layers: Any, shape: tuple[int | None, ...] = (4,), name: str = "net") -> Any:
    keras.utils.set_random_seed(1)
    return keras.Sequential([keras.Input(shape, name="x"), *layers], name=name)


def fc(units: int = 2, **options: Any) -> Any:
    return L.Dense(units, name="fc", **options)


def unseen(x: Any) -> Any:
    """What Keras cannot follow."""
    return keras.ops.convert_to_tensor(np.asarray(x) * 2)


class Own(L.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return unseen(x)

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class OwnDense(L.Dense):  # type: ignore[misc]
    """A class of the user's, from one that converts."""

    def call(self, x: Any) -> Any:
        return super().call(unseen(x))

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor((x.shape[0], self.units))


def built(model: Callable[[], Any], data: Any = X, **settings: Any) -> Try:
    """`compile` of a model; data: for it."""

    def attempt(folder: Path) -> Any:
        return fpga_ml.compile(model(), data=data, config=Config(**settings), output=folder / "p")

    return attempt


def layer(kind: Any, shape: tuple[int | None, ...] = (4,)) -> Try:
    return built(lambda: net(kind(), shape=shape), None)


def activation(name: str) -> Try:
    return built(lambda: net(fc(activation=name)))


def called(**arguments: Any) -> Try:
    """`compile` of a good model with other arguments."""
    return lambda folder: fpga_ml.compile(**{"model": net(fc()), "output": folder / "p", **arguments})


def config(**values: Any) -> Try:
    return lambda _: Config(**values)


def toml(text: str) -> Try:
    def attempt(folder: Path) -> Any:
        path = folder / "fpga_ml.toml"
        path.write_text(text)
        return Config.read(path)

    return attempt


def labelled(y: Any, outputs: tuple[int, ...] = (5,), decides: bool = True) -> Try:
    """Labels of a model's first output."""
    return lambda _: checked_labels(np.asarray(y), [outputs], "here", decides=decides)


def softmax_of(y: Any) -> Try:
    """Labels of six samples, through `compile`."""
    return built(lambda: net(fc(5, activation="softmax")), {"x": X, "y": np.asarray(y)})


def data(**arrays: Any) -> Try:
    return built(lambda: net(fc()), {name: np.asarray(a) for name, a in arrays.items()})


def file(name: str, content: bytes | str = b"") -> Try:
    """A model's file, with whatever is in it."""

    def attempt(folder: Path) -> Any:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return fpga_ml.compile(path, output=folder / "p")

    return attempt


def data_file(name: str, content: bytes) -> Try:
    def attempt(folder: Path) -> Any:
        (folder / name).write_bytes(content)
        return fpga_ml.compile(net(fc()), data=folder / name, output=folder / "p")

    return attempt


def archive(**members: bytes) -> Try:
    """A .keras file with these members."""

    def attempt(folder: Path) -> Any:
        with zipfile.ZipFile(folder / "m.keras", "w") as made:
            for name, content in members.items():
                made.writestr(name.replace("_json", ".json"), content)
        return fpga_ml.compile(folder / "m.keras", output=folder / "p")

    return attempt


def foreign(text: str, **given: Any) -> Try:
    """RTL from elsewhere."""

    def attempt(folder: Path) -> Any:
        (folder / "rtl").mkdir()
        (folder / "rtl" / "myproject.v").write_text(text)
        return fpga_ml.compile(net(fc()), data=X, rtl=folder / "rtl", output=folder / "p", config=Config(**given))

    return attempt


def command(*words: str) -> Try:
    """A command line; {here}: an empty folder, with a good model `m.keras`."""

    def attempt(folder: Path) -> Any:
        net(fc()).save(folder / "m.keras")
        found = CliRunner().invoke(main, [w.replace("{here}", str(folder)) for w in words])
        assert found.exit_code != 0
        assert "Traceback" not in found.output
        raise FpgaMlError(found.output.removeprefix("error: "))

    return attempt


def without(program: str, **settings: Any) -> Try:
    """A build on a machine that lacks a tool."""

    def attempt(folder: Path) -> Any:
        with pytest.MonkeyPatch.context() as patched:
            if program == "g++":
                patched.setenv("CXX", "no-such-compiler")
            elif program == "verilator":
                patched.setenv("VERILATOR_ROOT", str(folder / "nowhere"))
            else:
                patched.setenv("PATH", str(folder))
                patched.setenv("CXX", "/bin/true")
            return built(lambda: net(fc()), **settings)(folder)

    return attempt


def into(*path: str, made: str = "") -> Try:
    """A build into a target that cannot be one; made: a file that is there already."""

    def attempt(folder: Path) -> Any:
        if made:
            (folder / made).parent.mkdir(parents=True, exist_ok=True)
            (folder / made).write_text("years of work")
        return fpga_ml.compile(net(fc()), data=X, output=folder.joinpath(*path))

    return attempt


def temporary(folder_of: Callable[[Path], Path]) -> Try:
    """A build where temporary files have no place."""

    def attempt(folder: Path) -> Any:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("tempfile.tempdir", str(folder_of(folder)))
            return built(lambda: net(fc()))(folder)

    return attempt


def attention() -> Any:
    x = keras.Input((4, 8), name="x")
    return keras.Model(x, L.MultiHeadAttention(2, 4, name="mha")(x, x, use_causal_mask=True), name="net")


def silu(x: Any) -> Any:
    return x * keras.ops.sigmoid(1.7 * x)


def bare() -> Any:
    x = keras.Input((4, 4), name="x")
    return keras.Model(x, keras.ops.linalg.inv(x), name="net")


def untouched() -> Any:
    x = keras.Input((4,), name="x")
    return keras.Model(x, [x, L.Dense(2)(x)], name="net")


def deep(units: int, count: int) -> Any:
    return net(*[L.Dense(units, name=f"d{k}") for k in range(count)])


ONE, CLASSES = X[:, :1], "the model's 5 classes are 0 to 4"
TYPE = "do:    write ap_fixed<width,integer[,rounding[,overflow]]>"
FLOAT_WEIGHTS = np.array([[np.nan, 1.0], [1.0, 1.0], [np.inf, 1.0], [1.0, 1.0]])


def with_weights(values: Any) -> Any:
    model = net(fc())
    model.get_layer("fc").kernel.assign(values)
    return model


LABELS: dict[str, tuple[Try, str]] = {
    "1 to 5 for five classes": (
        labelled([1, 5, 3]),
        f"labels from 1 to 5, but {CLASSES}\n  where: array 'y', here\n  do:    subtract 1 from each",
    ),
    "beyond the last class": (labelled([0, 7]), f"labels from 0 to 7, but {CLASSES}"),
    "negative": (labelled([-2, 0]), f"labels from -2 to 0, but {CLASSES}"),
    "-1 and 1 of a sigmoid": (
        labelled([-1, 1], (1,)),
        (
            "labels from -1 to 1, but the model's 2 classes are 0 to 1\n  where: array 'y', here\n  do:    write 0 in the"
            " place of -1"
        ),
    ),
    "of logits": (labelled([3, 9], (5,), decides=False), f"labels from 3 to 9, but {CLASSES}"),
    "one-hot of other classes": (labelled(np.eye(4)), "one-hot labels of 4 classes, but the model tells 5 apart"),
    "soft labels": (labelled([[0.5, 0.5, 0, 0, 0]]), "labels of shape (5,) a sample, but the model decides among 5 classes"),
    "halves": (labelled([0.5, 1]), "the label 0.5 is no class number, and the model decides among 5 classes"),
    "NaN": (labelled([0, np.nan]), "1 labels are NaN or infinite, the first of sample 1"),
    "infinite targets": (
        labelled([[0.0], [np.inf]], (1,), decides=False),
        "1 labels are NaN or infinite, the first of sample 1",
    ),
    "strings": (labelled(["quark", "gluon"]), "labels of type <U5 are no numbers"),
    "objects": (labelled(np.array([None, 1], object)), "labels of type object are no numbers"),
    "complex": (labelled([1j, 0]), "labels of type complex128 are no numbers"),
    "too few targets": (
        labelled(np.ones((3, 2)), (3,), decides=False),
        "targets of 2 values a sample, but the model's outputs have 3",
    ),
    "one target for two outputs": (
        labelled([0.5, 0.25], (2,), decides=False),
        "targets of 1 values a sample, but the model's outputs have 2",
    ),
    "one label a sequence": (labelled([0, 1], (3, 5)), "labels of shape () a sample, but the model decides among 5 classes"),
    "through compile": (softmax_of([1, 2, 3, 4, 5, 1]), f"labels from 1 to 5, but {CLASSES}"),
    "too few": (softmax_of([0, 1]), "6 samples but 2 labels"),
    "a single number": (softmax_of(3), "6 samples but no labels"),
    "strings through compile": (softmax_of(list("abcdef")), "labels of type <U1 are no numbers"),
}

DATA: dict[str, tuple[Try, str]] = {
    "no array of that name": (data(jets=X), "no array for input 'x' and no array 'x'"),
    "an array too many": (
        data(x=X, truth=ONE),
        "unknown array 'truth'\n  where: in memory\n  do:    rename it or leave it out; did you mean 'y'?",
    ),
    "labels by another name": (
        data(x=X, labels=ONE),
        "unknown array 'labels'\n  where: in memory\n  do:    rename it or leave it out; did you mean 'y'?",
    ),
    "a slip in a name": (
        data(x=X, x_scael=0.5),
        "unknown array 'x_scael'\n  where: in memory\n  do:    rename it or leave it out; known: class_names, x, y",
    ),
    "an array by two names": (built(lambda: net(fc()), {"x": X, "xx": X}), "unknown array 'xx'"),
    "samples and labels in a tuple": (
        called(data=(X, X[:, 0])),
        "do:    give one array (N, ...) an input; with labels, a dict: {'x': ..., 'y': ...}",
    ),
    "text for .csv": (data_file("d.csv", b"1,2,3\n"), "is no file of NumPy arrays: "),
    "a scale of many": (data(x=X, x_scale=[1.0, 2.0]), "'x_scale' is not one number"),
    "a scale that is NaN": (data(x=X, x_scale=np.nan), "'x_scale' is not one number"),
    "another shape": (data(x=X[:, :3]), "samples of shape (3,), but the model's input 'x' is (4,)"),
    "one sample without its axis": (data(x=X[0]), "samples of shape (), but the model's input 'x' is (4,)"),
    "empty": (data(x=X[:0]), "no samples: the array is empty"),
    "NaN": (data(x=X * np.nan), "24 values are NaN or infinite, the first at index (0, 0)"),
    "infinite": (data(x=X * np.inf), "24 values are NaN or infinite, the first at index (0, 0)"),
    "strings": (data(x=np.full((3, 4), "a")), "data of type <U1 are no numbers"),
    "complex": (data(x=X * 1j), "data of type complex128 are no numbers"),
    "objects": (data(x=np.array([[None] * 4], object)), "data of type object are no numbers"),
    "dates": (data(x=np.zeros((3, 4), "datetime64[s]")), "data of type datetime64[s] are no numbers"),
    "rows of several lengths": (called(data={"x": [[1, 2], [1]]}), "these are no array: "),
    "a list of two": (called(data=[X, X]), "the list has 2 arrays, and the model the inputs x"),
    "a number": (called(data=3), "the data are one number"),
    "a function": (called(data=lambda: X), "data are of type function\n  do:    give arrays (N, ...), or a path to .npz"),
    "no file": (called(data="none.npz"), "data file 'none.npz' not found"),
    "text for an npz": (data_file("d.npz", b"nonsense"), "is no file of NumPy arrays: "),
    "an empty file": (data_file("d.npz", b""), "is no file of NumPy arrays: "),
    "a cut npz": (data_file("d.npz", b"PK\x03\x04"), "is no archive: File is not a zip file"),
    "a folder": (lambda folder: called(data=folder)(folder), "is no file of NumPy arrays: "),
}

SETTINGS: dict[str, tuple[Try, str]] = {
    "a slip": (config(bit=3), "unknown setting 'bit'\n  do:    did you mean 'bits'?"),
    "a name of hls4ml's": (config(arch="io_stream"), "unknown arch 'io_stream'\n  do:    did you mean 'stream'?"),
    "its other": (config(arch="io_parallel"), "unknown arch 'io_parallel'\n  do:    did you mean 'parallel'?"),
    "capitals": (config(strategy="Latency"), "unknown strategy 'Latency'\n  do:    did you mean 'latency'?"),
    "short": (config(strategy="da"), "unknown strategy 'da'\n  do:    did you mean 'distributed_arithmetic'?"),
    "no strategy": (
        config(strategy="fast"),
        "unknown strategy 'fast'\n  do:    known: distributed_arithmetic, latency, resource, resource_unrolled",
    ),
    "all": (config(until="all"), "unknown until 'all'\n  do:    did you mean 'synth'?"),
    "no stage": (config(until="place"), "unknown until 'place'\n  do:    known: convert, cosim, csim, emulate, rtl, synth"),
    "no device": (config(device="ecp5-12k"), "unknown device 'ecp5-12k'\n  do:    known: ecp5-25k, "),
    "no part": (config(synth_devices=("xcvu13p",)), "unknown synth_devices 'xcvu13p'\n  do:    known: cyclonev, ecp5-25k, "),
    "no simulator": (config(simulators=("modelsim",)), "unknown simulators 'modelsim'\n  do:    known: icarus, verilator"),
    "Icarus' program": (config(simulators=("iverilog",)), "unknown simulators 'iverilog'\n  do:    did you mean 'icarus'?"),
    "a string for a list": (config(simulators="icarus"), "simulators = 'icarus' is not a list of strings"),
    "none of a list": (config(simulators=()), "simulators is empty"),
    "one bit": (config(bits=1), "bits = 1 is outside 2..24"),
    "weights too wide": (config(weight_bits=25), "weight_bits = 25 is outside 2..24"),
    "bits as text": (config(bits="8"), "bits = '8' is not a whole number"),
    "bits as a float": (config(bits=8.0), "bits = 8.0 is not a whole number"),
    "true for a number": (config(reuse_factor=True), "reuse_factor = True is not a whole number"),
    "no clock": (config(clock_ns=0), "clock_ns = 0 is below 0.1"),
    "a clock of NaN": (config(clock_ns=float("nan")), "clock_ns = nan is "),
    "a clock of seconds": (config(clock_ns=1e9), "clock_ns = 1000000000.0 is above 1000000.0"),
    "an endless clock": (config(clock_ns=float("inf")), "clock_ns = inf is "),
    "a negative seed": (config(seed=-1), "seed = -1 is below 0"),
    "no vectors": (config(vectors=0), "vectors = 0 is below 1"),
    "no interval": (config(interval_cycles=0), "interval_cycles = 0 is below 1"),
    "no reuse": (config(reuse_factor=0), "reuse_factor = 0 is below 1"),
    "a type without an integer part": (
        config(input_type="fixed<8>"),
        f"input_type: 'fixed<8>' is not a fixed-point type\n  {TYPE}",
    ),
    "a C++ type": (config(input_type="float"), f"input_type: 'float' is not a fixed-point type\n  {TYPE}"),
    "a type too wide": (config(input_type="ap_fixed<200,8>"), "input_type: a width of 200 bits is outside 1..128"),
    "no name": (config(project_name=""), "project_name is empty"),
    "a layer's slip": (config(layers={"fc": {"bit": 8}}), "unknown setting 'bit'\n  do:    did you mean 'bits'?"),
    "a layer's number": (config(layers={"fc": 8}), "layers.fc = 8 is not a section"),
    "a layer's softmax": (
        lambda _: LayerConfig(softmax="fast"),
        "unknown softmax 'fast'\n  do:    known: argmax, latency, legacy, stable",
    ),
    "a layer that is not there": (
        built(lambda: net(fc()), layers={"fcc": LayerConfig(bits=8)}),
        "the configuration has a section for layer 'fcc', which the model does not have\n  do:    did you mean 'fc'?",
    ),
    "a precision of nothing": (
        built(lambda: net(fc()), layers={"fc": LayerConfig(precision={"weigth": "fixed<8,2>"})}),
        (
            "layer 'fc' has no 'weigth' whose precision could be set\n  where: layers['fc'].precision\n  do:    did you mean"
            " 'weight'?"
        ),
    ),
    "no backend": (built(lambda: net(fc()), backend="Vitus"), "unknown backend 'Vitus'\n  do:    did you mean 'Vitis'?"),
    "another vendor's part": (built(lambda: net(fc()), part="Agilex7"), "'Agilex7' is no part that backend Vitis knows"),
    "turns without a stream": (
        built(lambda: net(fc()), interleave=2),
        "interleave = 2, but arch = 'parallel' does not take sequences in turn",
    ),
    "frames without a stream": (
        built(lambda: net(fc()), frame_last=True),
        "frame_last is set, but arch = 'parallel' has no frames of several beats",
    ),
    "no LUTs": (config(max_luts=0), "max_luts = 0 is below 1"),
    "too few LUTs": (built(lambda: net(fc(8)), max_luts=1, until="rtl"), "the network needs about "),
    "a table of a million": (config(softmax_table_bits=99), "softmax_table_bits = 99 is above 20"),
    "TOML of no kind": (toml("bits = \n"), "not valid TOML: "),
    "TOML with a slip": (
        toml("\nreuse_facto = 2\n"),
        "unknown setting 'reuse_facto'\n  where: {here}/fpga_ml.toml:2\n  do:    did you mean 'reuse_factor'?",
    ),
    "TOML with a number for a section": (toml("layers = 3\n"), "layers is not a section\n  where: {here}/fpga_ml.toml:1"),
    "TOML with an unknown precision": (
        toml("[layers.fc.precision]\nresult = 'float'\n"),
        "precision.result: 'float' is not a fixed-point type\n  where: {here}/fpga_ml.toml:2",
    ),
    "no TOML": (lambda folder: Config.read(folder / "none.toml"), "configuration file '{here}/none.toml' not found"),
}

LAYERS: dict[str, tuple[Try, str]] = {
    "Conv3D": (
        layer(partial(L.Conv3D, 2, 2), (4, 4, 4, 2)),
        (
            "layer 'conv3d' is a Conv3D: hls4ml has no C++ for volumes\n  where: layer 'conv3d' of model 'net'\n  do: "
            "   use layers of one or two dimensions"
        ),
    ),
    "Masking": (
        built(lambda: net(L.Masking(name="mask"), L.LSTM(3), shape=(4, 4)), None),
        (
            "layer 'mask' is a Masking: it masks steps, and hardware computes every step\n  where: layer 'mask' of model"
            " 'net'\n  do:    leave it out, and train on sequences of one length"
        ),
    ),
    "mask_zero": (
        built(lambda: net(L.Embedding(5, 3, mask_zero=True, name="words"), L.LSTM(3)), None),
        "layer 'words' (Embedding) has mask_zero = True: it masks steps",
    ),
    "attention": (
        built(attention, None),
        (
            "layer 'mha' (MultiHeadAttention) is called with use_causal_mask = True: hardware computes every step\n"
            "  where: layer 'mha' of model 'net'\n"
            "  do:    leave use_causal_mask out: every position attends to every other"
        ),
    ),
    "rms_scaling": (
        layer(lambda: L.LayerNormalization(rms_scaling=True, epsilon=0.0, name="norm")),
        "rms_scaling with epsilon = 0 divides by zero\n  where: layer 'norm'",
    ),
    "RandomFlip": (
        layer(L.RandomFlip, (4, 4, 1)),
        (
            "layer 'random_flip' is a RandomFlip: it changes training data at random\n  where: layer 'random_flip' of model"
            " 'net'\n  do:    leave it out"
        ),
    ),
    "ConvLSTM1D": (
        layer(partial(L.ConvLSTM1D, 2, 2), (3, 4, 2)),
        (
            "layer 'conv_lstm1d' is a ConvLSTM1D: hls4ml has no C++ of a convolution inside a recurrent cell\n  where: layer"
            " 'conv_lstm1d' of model"
            " 'net'\n  do:    use TimeDistributed of convolutions"
        ),
    ),
    "Lambda": (
        layer(lambda: L.Lambda(lambda t: 2 * t)),
        "layer 'lambda' is a Lambda: a Python function cannot be read",
    ),
    "a class of one's own": (
        layer(Own),
        "layer 'own' is of a class of your own, Own, of which no tool knows what it computes",
    ),
    "a class from Dense": (
        layer(partial(OwnDense, 3)),
        (
            "layer 'own_dense' is of a class of your own, OwnDense, of which no tool knows what it computes\n  where: layer"
            " 'own_dense' of model 'net'\n  do:    use a Dense, from which it is derived, if it computes the same"
        ),
    ),
    "a function with the name of another": (
        activation(silu),
        "activation 'silu' of layer 'fc' is a function of your own, which has the name of one of Keras'",
    ),
    "log_softmax": (
        activation("log_softmax"),
        (
            "activation 'log_softmax' of layer 'fc' is not one that hls4ml computes\n  where: layer 'fc' of model 'net'\n "
            " do:    use softmax: the order of the classes is the same"
        ),
    ),
    "a bare operation": (built(bare, None), "'inv' is a bare operation (Inv), and, used so, no layer stands for it"),
    "an output that is an input": (
        built(untouched),
        "output 1 of the model is its input 'x', with nothing that computes in between",
    ),
    "an open shape": (
        built(lambda: net(L.Conv2D(2, 3), shape=(None, None, 1)), None),
        "input 'x' has shape (None, None, 1): hardware needs every size fixed",
    ),
    "a model that is not built": (
        called(model=keras.Sequential([L.Dense(3)], name="net")),
        "the model is not built: its input shape is unknown",
    ),
    "an empty model": (called(model=keras.Sequential([], name="net")), "the model is not built: its input shape is unknown"),
    "weights of NaN": (
        built(lambda: with_weights(FLOAT_WEIGHTS)),
        "2 of 8 values are NaN or infinite\n  where: layer 'fc', weight 'kernel'",
    ),
    "inputs beyond 128 bits": (built(lambda: net(fc()), X * 1e30), "accum of layer 'fc' is "),
    "a large dense model": (built(lambda: deep(500, 4)), "the RTL would take about "),
    "a large convolution": (
        built(lambda: net(L.Conv2D(32, 3), shape=(64, 64, 8)), np.zeros((4, 64, 64, 8))),
        "the RTL would take about ",
    ),
    "samples for hours": (
        built(lambda: deep(600, 6), np.zeros((400_000, 4)), vectors=400_000),
        "to simulate 400000 samples would take about ",
    ),
    "an interval below the pixels": (
        built(lambda: net(fc(), shape=(50, 4)), None, arch="stream", interval_cycles=20, until="rtl"),
        "a frame of 50 pixels cannot pass in 20 cycles",
    ),
}

CALLS: dict[str, tuple[Try, str]] = {
    "a number for a model": (
        called(model=3),
        "the model is of type int\n  do:    give a Keras model, an onnx.ModelProto, or a path",
    ),
    "nothing for a model": (called(model=None), "the model is of type NoneType"),
    "a function for a model": (called(model=lambda x: x), "the model is of type function"),
    "a list for a model": (called(model=[1, 2]), "the model is of type list"),
    "a number for a configuration": (called(config=3), "config is of type int\n  do:    give a fpga_ml.Config"),
    "a dict for a configuration": (called(config={"bits": 8}), "config is of type dict"),
    "a path for a configuration": (called(config="fpga_ml.toml"), "config is of type str"),
    "a number for a folder": (called(output=3), "output is of type int"),
    "a number for weights": (called(weights=3), "weights is of type int"),
    "a number for RTL": (called(rtl=3), "rtl is of type int"),
    "no folder of RTL": (called(rtl="none"), "no .v or .sv file"),
    "RTL of another top": (foreign("module other(input a); endmodule"), "no module 'myproject' in the RTL"),
    "RTL without ports": (foreign("module myproject(input ap_clk); endmodule"), "no port 'ap_rst' (known: ap_clk)"),
}

TOOLS: dict[str, tuple[Try, str]] = {
    "no compiler": (without("g++"), "C-simulation needs a C++ compiler, and 'no-such-compiler' was not found"),
    "no Icarus": (
        without("iverilog", simulators=("icarus",)),
        "RTL simulation needs Icarus Verilog, and 'iverilog' was not found",
    ),
    "no Verilator": (without("verilator", simulators=("verilator",)), "RTL simulation needs Verilator, which was not found"),
    "a file for a parent": (into("file", "p", made="file"), "'{here}/file' is no folder"),
    "a folder of other files": (into("mine", made="mine/thesis.tex"), "'{here}/mine' exists and is no HLS project"),
    "a file for a target": (into("file", made="file"), "'{here}/file' exists and is no HLS project"),
    "/dev/null": (into("/dev/null/p"), "'/dev/null' is no folder"),
    "/proc": (into("/proc/p"), "cannot write: "),
    "no folder for temporary files": (
        temporary(lambda folder: folder / "none"),
        "cannot write: No such file or directory\n  where: {here}/none\n  do:    set TMPDIR to a folder with some space",
    ),
    "a full folder for temporary files": (
        temporary(lambda _: Path("/dev/full")),
        "cannot write: Not a directory\n  where: /dev/full",
    ),
}

FILES: dict[str, tuple[Try, str]] = {
    "no such file": (called(model="none.keras"), "model 'none.keras' not found"),
    "a PyTorch file": (file("m.pt"), "'{here}/m.pt' is a file of PyTorch, which does not say"),
    "no ending": (file("model"), "'{here}/model' is not a model: unknown kind of file ''"),
    "an empty ONNX": (file("m.onnx"), "'{here}/m.onnx' is not an ONNX model"),
    "a picture": (file("m.png"), "'{here}/m.png' is not a model: unknown kind of file '.png'"),
    "an empty .keras": (file("m.keras"), "'{here}/m.keras' "),
    "text for .keras": (file("m.keras", "nonsense"), "'{here}/m.keras' "),
    "a picture for .keras": (file("m.keras", b"\x89PNG\r\n\x1a\n" + bytes(100)), "'{here}/m.keras' "),
    "an empty .h5": (file("m.h5"), "'{here}/m.h5' "),
    "text for .h5": (file("m.h5", "nonsense"), "'{here}/m.h5' "),
    "an empty archive": (archive(), "'{here}/m.keras' "),
    "an archive without weights": (archive(config_json=b"{}", metadata_json=b"{}"), "'{here}/m.keras' "),
    "a broken configuration": (archive(config_json=b"{", metadata_json=b"{}"), "'{here}/m.keras' "),
    "a list for a configuration": (archive(config_json=b"[]", metadata_json=b"{}"), "'{here}/m.keras' "),
    "JSON without weights": (file("m.json", json.dumps({"class_name": "Sequential", "config": []})), "'{here}/m.json' "),
    "JSON of no model": (file("m.json", "[1, 2]"), "'{here}/m.json' "),
    "broken JSON": (file("m.json", "{"), "'{here}/m.json' "),
    "an empty folder": (
        lambda folder: fpga_ml.compile(folder),
        "folder '{here}' holds neither quantised.keras nor float.keras",
    ),
}

COMMANDS: dict[str, tuple[Try, str]] = {
    "no such model": (
        command("compile", "{here}/none.keras"),
        "model '{here}/none.keras' not found\n  do:    known: m.keras",
    ),
    "a slip in a model's name": (
        command("compile", "{here}/n.keras"),
        "model '{here}/n.keras' not found\n  do:    did you mean 'm.keras'?",
    ),
    "a clock of words": (command("compile", "{here}/m.keras", "--clock-ns", "fast"), "--clock-ns fast is no number"),
    "a clock of zero": (command("compile", "{here}/m.keras", "--clock-ns", "0"), "clock_ns = 0.0 is below 0.1"),
    "bits beyond": (command("compile", "{here}/m.keras", "--bits", "40"), "bits = 40 is outside 2..24"),
    "no configuration": (
        command("compile", "{here}/m.keras", "--config", "{here}/none.toml"),
        "configuration file '{here}/none.toml' not found",
    ),
    "no data": (command("compile", "{here}/m.keras", "--data", "{here}/none.npz"), "data file '{here}/none.npz' not found"),
    "no simulator": (command("compile", "{here}/m.keras", "--simulator", "vcs"), "unknown simulators 'vcs'"),
    "no strategy": (command("compile", "{here}/m.keras", "--strategy", "fast"), "unknown strategy 'fast'"),
    "ports without RTL": (
        command("cosim", "{here}/m.keras", "--port", "a=b"),
        "--port, --skip and --flush are for RTL from elsewhere",
    ),
    "no weights": (
        command("compile", "{here}/m.keras", "--weights", "{here}/none.h5"),
        "weights file '{here}/none.h5' not found",
    ),
    "no project to synthesise": (command("synth", "{here}"), "'{here}' "),
    "no project to show": (command("report", "{here}"), "'{here}' "),
    "three projects": (command("report", "a", "b", "c"), "3 projects given"),
    "no board": (command("board", "{here}", "--board", "arty"), "unknown board 'arty'"),
}

TABLES = {
    "labels": LABELS,
    "data": DATA,
    "settings": SETTINGS,
    "layers": LAYERS,
    "calls": CALLS,
    "tools": TOOLS,
    "files": FILES,
    "commands": COMMANDS,
}
ROWS = [pytest.param(*row, id=f"{kind}: {name}") for kind, table in TABLES.items() for name, row in table.items()]


@pytest.mark.parametrize(("attempt", "text"), ROWS)
def test_one_error_before_any_work(attempt: Try, text: str, tmp_path: Path) -> None:
    before = {*tmp_path.rglob("*")}
    with pytest.raises(FpgaMlError) as caught:
        attempt(tmp_path)
    said = str(caught.value)
    assert text.replace("{here}", str(tmp_path)) in said
    assert said.splitlines()[0].strip()
    assert not any(p.name.startswith(".p.") or p.name == "p" for p in {*tmp_path.rglob("*")} - before)


def test_there_are_enough() -> None:
    assert len(ROWS) >= 150
