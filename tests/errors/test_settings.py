"""Settings: every wrong one is one clear error when it is made, in Python and from a file of any shape."""

from __future__ import annotations

import math
import string
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fpga_ml.config import Config, LayerConfig
from fpga_ml.errors import FpgaMlError, suggest

ROUNDS = "QKeras rounds in float32, which holds 24 bits"
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"strategy": "fast"}, "unknown strategy 'fast'", "known: distributed_arithmetic, latency, resource, resource_unrolled"),
    ({"arch": "io_stream"}, "unknown arch 'io_stream'", "did you mean 'stream'?"),
    ({"arch": "Stream"}, "unknown arch 'Stream'", "did you mean 'stream'?"),
    ({"until": "all"}, "unknown until 'all'", "did you mean 'synth'?"),
    ({"effort": "rout"}, "unknown effort 'rout'", "did you mean 'route'?"),
    ({"device": "ecp5-12"}, "unknown device 'ecp5-12'", "known: "),
    ({"synth_devices": ("ecp5-85",)}, "unknown synth_devices 'ecp5-85'", "did you mean 'ecp5-85k'?"),
    ({"simulators": ("vcs",)}, "unknown simulators 'vcs'", "known: icarus, verilator"),
    ({"simulators": ()}, "simulators is empty", "give simulators a value, or leave it out"),
    ({"simulators": "icarus"}, "simulators = 'icarus' is not a list of strings", "write a list of strings"),
    ({"simulators": (1,)}, "simulators = 1 is not a string", "write a string"),
    ({"bit": 3}, "unknown setting 'bit'", "did you mean 'bits'?"),
    ({"source_file": "x"}, "unknown setting 'source_file'", "known: arch, auto_clock, backend,"),
    ({"bits": 1}, f"bits = 1 is outside 2..24: {ROUNDS}", "choose 2 to 24 bits"),
    ({"weight_bits": 25}, f"weight_bits = 25 is outside 2..24: {ROUNDS}", "choose 2 to 24 bits"),
    ({"bits": "8"}, "bits = '8' is not a whole number", "write a whole number"),
    ({"bits": 8.0}, "bits = 8.0 is not a whole number", "write a whole number"),
    ({"bits": True}, "bits = True is not a whole number", "write a whole number"),
    ({"bits": None}, "bits = None is not a whole number", "write a whole number"),
    ({"clock_ns": math.nan}, "clock_ns = nan is not finite", "write a finite number"),
    ({"clock_ns": math.inf}, "clock_ns = inf is not finite", "write a finite number"),
    ({"clock_ns": 1e300}, "clock_ns = 1e+300 is above 1000000.0", "use 1000000.0 or less"),
    ({"clock_ns": 0.0}, "clock_ns = 0.0 is below 0.1", "use 0.1 or more"),
    ({"clock_ns": "5"}, "clock_ns = '5' is not a number", "write a number"),
    ({"time_limit_s": 0}, "time_limit_s = 0 is below 1.0", "use 1.0 or more"),
    ({"seed": -1}, "seed = -1 is below 0", "use 0 or more"),
    ({"reuse_factor": 0}, "reuse_factor = 0 is below 1", "use 1 or more"),
    ({"vectors": -5}, "vectors = -5 is below 1", "use 1 or more"),
    ({"cosim_vectors": 0}, "cosim_vectors = 0 is below 1", "use 1 or more"),
    ({"interval_cycles": 0}, "interval_cycles = 0 is below 1", "use 1 or more"),
    ({"interleave": 0}, "interleave = 0 is below 1", "use 1 or more"),
    ({"jobs": -1}, "jobs = -1 is below 0", "use 0 or more"),
    ({"max_luts": -1}, "max_luts = -1 is below 1", "use 1 or more"),
    ({"softmax_table_bits": 3}, "softmax_table_bits = 3 is below 4", "use 4 or more"),
    ({"frame_last": 1}, "frame_last = 1 is not true or false", "write true or false"),
    ({"project_name": ""}, "project_name is empty", "give project_name a value, or leave it out"),
    ({"part": ""}, "part is empty", "give part a value, or leave it out"),
    ({"backend": 3}, "backend = 3 is not a string", "write a string"),
    ({"input_type": "float"}, "input_type: 'float' is not a fixed-point type", "write ap_fixed<width,integer"),
    ({"layers": 3}, "layers = 3 is not a section", "write a section"),
    ({"layers": {"fc": 3}}, "layers.fc = 3 is not a section", "write a section"),
    ({"source": "fpga_ml.toml"}, "source = 'fpga_ml.toml' is not a path", "write a path"),
]
WRONG_LAYER: list[tuple[dict[str, Any], str, str]] = [
    ({"bits": 1}, f"bits = 1 is outside 2..24: {ROUNDS}", "choose 2 to 24 bits"),
    ({"reuse_factor": 0}, "reuse_factor = 0 is below 1", "use 1 or more"),
    ({"table_size": 0}, "table_size = 0 is below 1", "use 1 or more"),
    ({"strategy": "Latencyy"}, "unknown strategy 'Latencyy'", "did you mean 'latency'?"),
    ({"softmax": "fast"}, "unknown softmax 'fast'", "known: argmax, latency, legacy, stable"),
    ({"static": "yes"}, "static = 'yes' is not true or false", "write true or false"),
    (
        {"precision": {"result": "float"}},
        "precision.result: 'float' is not a fixed-point type",
        "write ap_fixed<width,integer",
    ),
    ({"precision": {"result": 3}}, "precision.result = 3 is not a string", "write a string"),
    ({"precision": "fixed<8,3>"}, "precision = 'fixed<8,3>' is not a section", "write a section"),
    ({"reuse": 2}, "unknown setting 'reuse'", "known: bits, parallelization_factor, precision, reuse_factor,"),
]


@pytest.mark.parametrize(("values", "what", "do"), WRONG, ids=str)
def test_wrong_when_made_and_when_replaced(values: dict[str, Any], what: str, do: str) -> None:
    makers = [lambda: Config(**values), lambda: Config().replace(**values)]
    for make in makers if None not in values.values() else makers[:1]:
        with pytest.raises(FpgaMlError) as caught:
            make()
        assert (caught.value.what, caught.value.where) == (what, None)
        assert str(caught.value.do).startswith(do)


@pytest.mark.parametrize(("values", "what", "do"), WRONG_LAYER, ids=str)
def test_wrong_for_a_layer(values: dict[str, Any], what: str, do: str) -> None:
    with pytest.raises(FpgaMlError) as caught:
        LayerConfig(**values)
    assert caught.value.what == what
    assert str(caught.value.do).startswith(do)


def test_a_list_is_as_good_as_a_tuple() -> None:
    config = Config(simulators=["icarus"], synth_devices=["ecp5-85k"], clock_ns=4)  # type: ignore[arg-type]
    assert (config.simulators, config.synth_devices, config.clock_ns) == (("icarus",), ("ecp5-85k",), 4.0)


@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("layers = 3\n", "layers is not a section\n  where: {path}:1\n  do:    write [layers.NAME]"),
        ("[layers]\nfc = 3\n", "layers.fc is not a section\n  where: {path}:2\n  do:    write [layers.fc]"),
        ("[layers.fc]\nprecision = 3\n", "precision = 3 is not a section\n  where: {path}:2\n  do:    write a section"),
        ("[[layers]]\nbits = 3\n", "layers is not a section\n  where: {path}:1\n  do:    write [layers.NAME]"),
        ("source = 'x'\n", "unknown setting 'source'\n  where: {path}:1\n  do:    leave it out"),
        ("\nself = 3\n", "unknown setting 'self'\n  where: {path}:2\n  do:    known: arch,"),
        ("bits = 1979-05-27\n", "bits = datetime.date(1979, 5, 27) is not a whole number\n  where: {path}:1"),
        ("simulators = []\n", "simulators is empty\n  where: {path}:1"),
        ("a = " + "[" * 5000, "not valid TOML: "),
    ],
)
def test_files_of_other_shapes(toml: str, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "fpga_ml.toml"
    path.write_text(toml)
    with pytest.raises(FpgaMlError) as caught:
        Config.read(path)
    assert str(caught.value).startswith(expected.format(path=path))


def test_no_file_of_text(tmp_path: Path) -> None:
    path = tmp_path / "fpga_ml.toml"
    path.write_bytes(b"bits = 8 # \xff\n")
    for wrong, expected in (
        (path, "not valid TOML: "),
        (tmp_path, "cannot be read: Is a directory"),
        (path / "x", "cannot be read"),
    ):
        with pytest.raises(FpgaMlError, match=expected):
            Config.read(wrong)


SCALARS = st.one_of(
    *(st.integers().map(str), st.floats().map(str), st.sampled_from(["true", "false", "1979-05-27"])),
    st.text(string.ascii_letters + "<>,").map(lambda text: f"'{text}'"),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner).map(lambda parts: f"[{', '.join(parts)}]"), inner.map("{{ a = {} }}".format)),
)
KEYS = st.one_of(
    st.sampled_from(
        [
            "bits",
            "arch",
            "clock_ns",
            "simulators",
            "layers",
            "precision",
            "source",
            "seed",
            "layers.fc.bits",
            '"a b"',
            "self",
        ]
    ),
    st.text(string.ascii_lowercase, min_size=1),
)
LINES = st.one_of(
    st.tuples(KEYS, VALUES).map(" = ".join),
    KEYS.map("[{}]".format),
    KEYS.map("[layers.{}]".format),
    KEYS.map("[layers.fc.{}]".format),
    st.text(),
)


@settings(deadline=None)
@given(st.lists(LINES, max_size=8).map("\n".join))
def test_any_text_is_a_configuration_or_one_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    try:
        Config.read(path)
    except FpgaMlError as error:
        told = error
    else:
        return
    assert told.what
    assert told.do


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("streem", ("stream", "parallel"), "did you mean 'stream'?"),
        ("sream", ("stream", "parallel"), "did you mean 'stream'?"),
        ("steram", ("stream", "parallel"), "did you mean 'stream'?"),
        ("strream", ("stream", "parallel"), "did you mean 'stream'?"),
        ("STREAM", ("stream", "parallel"), "did you mean 'stream'?"),
        ("serial", ("stream", "parallel"), "known: parallel, stream"),
        ("ecp5-12k", ("ecp5-25k", "ecp5-85k"), "known: ecp5-25k, ecp5-85k"),
        ("maerts", ("stream", "parallel"), "known: parallel, stream"),
    ],
)
def test_a_suggestion_is_one_slip_away(word: str, known: tuple[str, ...], said: str) -> None:
    assert suggest(word, known) == said
