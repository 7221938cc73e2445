"""`backend='OpenRTL'` in a fresh process, as an hls4ml user meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
import hls4ml
assert "openrtl" in hls4ml.backends.get_available_backends(), hls4ml.backends.get_available_backends()
assert not {"keras", "tensorflow"} & set(sys.modules), "the plugin imported Keras"

import numpy as np
from zoo import ZOO, samples

model = ZOO["skip_6bit"]()
x = samples(model, 50)[0]
found, graphs = {}, {}
for backend in ("OpenRTL", "Vitis"):  # ours first: it brings the qkeras-v3 handlers
    config = hls4ml.utils.config_from_keras_model(model, granularity="name", backend=backend)
    graph = graphs[backend] = hls4ml.converters.convert_from_keras_model(
        model, hls_config=config, backend=backend, output_dir=sys.argv[1] + "/" + backend, allow_da_fallback=False
    )
    graph.compile()
    found[backend] = graph.predict(np.ascontiguousarray(x))
np.testing.assert_array_equal(found["OpenRTL"], found["Vitis"])
report = graphs["OpenRTL"].build()
assert [run["passed"] for run in report["cosim"]] == [True, True], report
assert report["latency_cycles"] > 0
print("all is well")
"""


def test_backend_in_a_fresh_process(tmp_path: Path, repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(repository / "tests")},
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert "all is well" in done.stdout
    assert "failed to load backend plugin" not in done.stdout
