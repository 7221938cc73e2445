"""`backend='OpenRTL'` as an hls4ml user meets it: the bits of hls4ml's own Vitis project, which stays as hls4ml makes it.

What is compared runs in processes of its own: hls4ml's Vitis project must come from a process that never used OpenRTL.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from plugin_suite import PLAIN, RECURRENT, RESOURCE_UNROLLED, WIDE_SUMS

HERE = Path(__file__).parent
FAST = ("global_average", "dense_rf4", "lstm")
GROUPS = {"plain": PLAIN, "resource_unrolled": RESOURCE_UNROLLED, "wide": WIDE_SUMS, "recurrent": RECURRENT}


def run(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{repository}{os.pathsep}{repository / 'tests'}"}
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, env=environment)


def both(repository: Path, folder: Path, names: list[str]) -> None:
    for backend in ("OpenRTL", "Vitis"):
        done = run(repository, str(HERE / "plugin_suite.py"), backend, str(folder), *names)
        assert done.returncode == 0, done.stderr[-2000:]
    for name in names:
        for backend in ("OpenRTL", "Vitis"):
            told = folder / f"{name}.{backend}.txt"
            assert not told.exists(), told.read_text()[-1500:]
        found, expected = (np.load(folder / f"{name}.{backend}.npz")["y"] for backend in ("OpenRTL", "Vitis"))
        assert_array_equal(found, expected, err_msg=name)
        assert len(np.unique(expected)) > 1, name


def test_bits_of_unmended_vitis(tmp_path: Path, repository: Path) -> None:
    both(repository, tmp_path, list(FAST))


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_bits_of_unmended_vitis_as_in_hls4mls_suite(group: str, tmp_path: Path, repository: Path) -> None:
    both(repository, tmp_path, [name for name in GROUPS[group] if name not in FAST])


PROCESS = """
import sys
import hls4ml
assert "openrtl" in hls4ml.backends.get_available_backends(), hls4ml.backends.get_available_backends()
assert not {"keras", "tensorflow"} & set(sys.modules), "the plugin imported Keras"

import numpy as np
import fpga_ml.bridge.mended
from fpga_ml.bridge.patches import ADDED
from fpga_ml.errors import FpgaMlError
from zoo import ZOO, samples

folder, name, io_type, backend = sys.argv[1:]
model = ZOO[name]()
x = np.ascontiguousarray(samples(model, 50)[0].astype(np.float64))
if backend == "Vitis":
    ADDED.apply()  # hls4ml reads no qkeras-v3 layers; its flows and its C++ are unmended
config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=backend)
graph = hls4ml.converters.convert_from_keras_model(
    model, hls_config=config, backend=backend, io_type=io_type, output_dir=folder + "/" + backend, allow_da_fallback=False
)
graph.compile()
np.save(folder + "/" + backend, graph.predict(x))
if backend == "OpenRTL":
    report = graph.build(vectors=x[:20])
    assert [run["passed"] for run in report["cosim"]] == [True, True], report
    assert all(run["vectors"] > 20 + 7 for run in report["cosim"]), report  # corners, and vectors over the whole type
    assert report["latency_cycles"] > 0
    pixels = x[0, ..., 0].size  # a beat each
    assert report["interval_cycles"] == (1 if io_type == "io_parallel" else pixels), report
    try:
        graph.build(vectors=x[:, :-1])
    except FpgaMlError as error:
        assert error.what.startswith("samples of shape"), error
    else:
        raise AssertionError("wrong samples were taken")
"""


@pytest.mark.parametrize(
    ("name", "io_type"), [("skip_6bit", "io_parallel"), pytest.param("conv2d_6bit", "io_stream", marks=pytest.mark.slow)]
)
def test_qkeras_in_fresh_processes(name: str, io_type: str, tmp_path: Path, repository: Path) -> None:
    for backend in ("OpenRTL", "Vitis"):
        done = run(repository, "-c", PROCESS, str(tmp_path), name, io_type, backend)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
        assert "failed to load backend plugin" not in done.stdout
    assert_array_equal(np.load(tmp_path / "OpenRTL.npy"), np.load(tmp_path / "Vitis.npy"))


GUEST = """
import sys
from pathlib import Path
from plugin_suite import CASES

folder = Path(sys.argv[1])
CASES["gru"].convert("Vitis", folder / "before").write()
for exact in (False, True):
    CASES["gru"].convert("OpenRTL", folder / f"between{exact}", exact=exact).write()
import fpga_ml, keras, numpy as np
from fpga_ml.config import Config
model = CASES["gru"].model()
fpga_ml.compile(model, data=CASES["gru"].samples(), output=folder / "ours", config=Config(until="convert"))
CASES["gru"].convert("Vitis", folder / "after").write()
"""


def test_vitis_is_the_same_before_and_after(tmp_path: Path, repository: Path) -> None:
    """A conversion with Vitis writes the same project whether OpenRTL and fpga_ml were used in the process or not."""
    environment = {**os.environ, "PYTHONPATH": f"{repository}{os.pathsep}{HERE}"}
    done = subprocess.run([sys.executable, "-c", GUEST, str(tmp_path)], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    before, after, plain, exact = (files(tmp_path / n) for n in ("before", "after", "betweenFalse", "betweenTrue"))
    assert before == after
    assert {k: v for k, v in plain.items() if k.suffix in (".h", ".cpp")} == {
        k: v for k, v in before.items() if k.suffix in (".h", ".cpp")
    }
    assert exact[Path("firmware/defines.h")] != before[Path("firmware/defines.h")]  # the mends were there in between


def files(project: Path) -> dict[Path, str]:
    """Every file's text, without the project's own path and hls4ml's random stamp, which YAML quotes if it is a number."""
    text = {p.relative_to(project): p.read_text(errors="replace") for p in project.rglob("*") if p.is_file()}
    stamp = next(line.split()[-1] for line in text[Path("hls4ml_config.yml")].splitlines() if line.startswith("Stamp"))
    return {
        name: content.replace(str(project), "PROJECT").replace(stamp, "STAMP").replace(stamp.strip("'\""), "STAMP")
        for name, content in text.items()
        if name.suffix not in (".keras", ".gz")
    }
