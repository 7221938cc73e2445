"""What the trainers of models/ share: a training that was interrupted ends with the weights of one that was not; pruning
leaves the share of weights, or of inputs, that was asked for."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from fpga_ml.errors import FpgaMlError
from fpga_ml.quantise import to_qkeras
from fpga_ml.science.jets.images import Standardise
from fpga_ml.science.models import _importing_from


@pytest.fixture(scope="module")
def fitting(repository: Path) -> Iterator[ModuleType]:
    with _importing_from(repository / "models" / "jet_cnn"):
        import fitting

        yield fitting


class Interrupted(Exception):
    pass


def images(count: int) -> tuple[Standardise, np.ndarray, np.ndarray]:
    """(standardisation, codes (N, 33, 33, 3), targets (N, 2)): class 1 is brighter."""
    random = np.random.default_rng(3)
    y = np.arange(count) % 2
    raw = random.exponential(0.01, (count, 33, 33, 3)).astype(np.float32) * (1 + y[:, None, None, None])
    prepare = Standardise.fit(raw, mirrored=True)
    return prepare, prepare.codes(raw), np.eye(2)[y]


def network() -> keras.Model:
    keras.utils.set_random_seed(5)
    x = inputs = keras.Input((33, 33, 3))
    x = layers.Conv2D(4, 5, strides=4, name="conv")(x)
    x = layers.ReLU()(layers.SpatialDropout2D(0.25)(x))
    x = layers.Dense(2, name="logits")(layers.Flatten()(x))
    return keras.Model(inputs, layers.Softmax()(x))


def twin() -> keras.Model:
    prepare, codes, _ = images(64)
    return to_qkeras(network(), bits=6, data=prepare.decode(codes))


@pytest.mark.parametrize("build", [network, twin])
def test_interrupted_training_ends_alike(fitting: ModuleType, build: Any, tmp_path: Path) -> None:
    prepare, codes, targets = images(192)
    how = fitting.Schedule(4, 1e-2, 0.5, 2)

    def trained(work: Path, stop: int | None) -> keras.Model:
        class Stopping(fitting.Batches):  # type: ignore[misc,name-defined]
            def begin(self, epoch: int) -> None:
                if epoch == stop:
                    raise Interrupted
                super().begin(epoch)

        model, batches = build(), Stopping(codes, targets, prepare, 1, 32, True)
        validation = fitting.Batches(codes, targets, prepare, 0, 32, False)
        fitting.fit(model, batches, validation, how, work)
        return model

    whole = trained(tmp_path / "whole", None)
    with pytest.raises(Interrupted):
        trained(tmp_path / "parts", 2)
    parts = trained(tmp_path / "parts", None)
    again = trained(tmp_path / "parts", None)  # nothing is left to do
    for one, other, third in zip(whole.get_weights(), parts.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(one, third)
    assert (np.asarray(whole.get_layer("conv").kernel) == 0).mean() == pytest.approx(0.5, abs=0.01)


def test_inputs_are_pruned_together(fitting: ModuleType, tmp_path: Path) -> None:
    prepare, codes, targets = images(64)
    model = network()
    batches = fitting.Batches(codes, targets, prepare, 1, 32, False)
    fitting.fit(model, batches, batches, fitting.Schedule(2, 1e-2, 0.4, 1, by_input=True), tmp_path)
    kernel = np.asarray(model.get_layer("conv").kernel)
    unused = (kernel == 0).all(-1)
    assert unused.sum() == 30  # of 75
    assert (kernel[~unused] != 0).all()


def test_mirrored_images_have_mirrored_codes(fitting: ModuleType) -> None:
    """Standardised with the moments of all mirror images, an image turned over has its codes turned over."""
    random = np.random.default_rng(4)
    raw = random.exponential(0.01, (40, 33, 33, 3)).astype(np.float32)
    prepare = Standardise.fit(raw, mirrored=True)
    how = np.arange(40) % 4
    turned = np.stack([image[:: 1 - 2 * (h & 1), :: 1 - (h & 2)] for image, h in zip(raw, how, strict=True)])
    np.testing.assert_array_equal(fitting.mirrored(raw, how), turned)
    np.testing.assert_array_equal(prepare.codes(turned), fitting.mirrored(prepare.codes(raw), how))
    mean = np.mean([raw, raw[:, ::-1], raw[:, :, ::-1], raw[:, ::-1, ::-1]], axis=(0, 1), dtype=np.float64)
    np.testing.assert_allclose(prepare.mean, mean, rtol=1e-6)


def test_state_of_another_training_is_not_gone_on_with(fitting: ModuleType, tmp_path: Path) -> None:
    work = tmp_path / "work"
    given = Namespace(bits=6, seeds=[1], start=None, out=tmp_path, work=None, grey=False)
    fitting.same_training(work, given)
    fitting.same_training(work, Namespace(**{**vars(given), "seeds": [1, 2], "grey": True}))
    with pytest.raises(FpgaMlError, match=r"a training with --bits 6 is kept here") as raised:
        fitting.same_training(work, Namespace(**{**vars(given), "bits": 8}))
    assert raised.value.where == str(work)
