"""`backend='OpenRTL'` in a fresh process, as an hls4ml user meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
import hls4ml
assert "openrtl" in hls4ml.backends.get_available_backends(), hls4ml.backends.get_available_backends()
assert not {"keras", "tensorflow"} & set(sys.modules), "the plugin imported Keras"

import numpy as np
from fpga_ml.errors import FpgaMlError
from zoo import ZOO, samples

model, io_type = ZOO[sys.argv[2]](), sys.argv[3]
x = samples(model, 50)[0]
found, graphs = {}, {}
for backend in ("OpenRTL", "Vitis"):  # ours first: it brings the qkeras-v3 handlers
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=backend)
    graph = graphs[backend] = hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, backend=backend, io_type=io_type, output_dir=sys.argv[1] + "/" + backend, allow_da_fallback=False
    )
    graph.compile()
    found[backend] = graph.predict(np.ascontiguousarray(x))
np.testing.assert_array_equal(found["OpenRTL"], found["Vitis"])
report = graphs["OpenRTL"].build(vectors=x[:20])
assert [run["passed"] for run in report["cosim"]] == [True, True], report
assert [run["vectors"] for run in report["cosim"]] == [27, 27], report  # and the corners of the input's type
assert report["latency_cycles"] > 0
pixels = x[0, ..., 0].size  # a beat each
assert report["interval_cycles"] == (1 if io_type == "io_parallel" else pixels), report
try:
    graphs["OpenRTL"].build(vectors=x[:, :-1])
except FpgaMlError as error:
    assert error.what.startswith("samples of shape"), error
else:
    raise AssertionError("wrong samples were taken")
print("all is well")
"""


@pytest.mark.parametrize(("name", "io_type"), [("skip_6bit", "io_parallel"), ("conv2d_6bit", "io_stream")])
def test_backend_in_a_fresh_process(name: str, io_type: str, tmp_path: Path, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path), name, io_type],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(repository / "tests")},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "all is well" in done.stdout
    assert "failed to load backend plugin" not in done.stdout
