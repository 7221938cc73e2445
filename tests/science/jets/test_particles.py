"""Networks over particles: the order of the particles changes no bit."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from fpga_ml.frontend.hgq.files import need_hgq


@pytest.mark.parametrize("name", ["particle_deepsets", "particle_jedi_linear", "particle_transformer"])
def test_order_of_particles_does_not_matter(name: str, repository: Path) -> None:
    need_hgq()
    folder = repository / "models" / name
    model = keras.models.load_model(folder / "quantised.keras", compile=False)
    with np.load(folder / "sample.npz") as z:
        x = (z["x"][:500] * z["x_scale"]).astype(np.float32)
    mixed = np.random.default_rng(1).permuted(np.broadcast_to(np.arange(x.shape[1]), x.shape[:2]), axis=1)
    logits = model.predict(x, verbose=0)
    assert len(np.unique(logits, axis=0)) > 400
    np.testing.assert_array_equal(model.predict(np.take_along_axis(x, mixed[..., None], 1), verbose=0), logits)
