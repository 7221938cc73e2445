"""What the trainers of models/ share: batches of coded images, pruning during training, and a training that goes on where
it stopped."""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from fpga_ml.errors import FpgaMlError
from fpga_ml.quantise import Prune
from fpga_ml.science.jets.images import Standardise


class Batches(keras.utils.PyDataset):
    """Shuffled batches of coded images (N, height, width, channels) uint8 and their class probabilities (N, 2).

    A batch is decoded when it is asked for: the decoded set would fill the memory. With `mirrored` each image is turned
    over in eta, in phi, in both or in neither, by chance: proton-proton collisions have no preferred side. Order and
    mirrors are a function of seed and epoch.
    """

    def __init__(
        self, codes: np.ndarray, targets: np.ndarray, prepare: Standardise, seed: int, size: int, mirrored: bool
    ) -> None:
        super().__init__()
        self.codes, self.targets, self.prepare = codes, targets.astype(np.float32), prepare
        self.seed, self.size, self.mirrored = seed, size, mirrored
        self.begin(0)

    def __len__(self) -> int:
        return len(self.codes) // self.size

    def begin(self, epoch: int) -> None:
        random = np.random.default_rng((self.seed, epoch))
        self.order = random.permutation(len(self.codes))
        self.mirror = random.integers(0, 4 if self.mirrored else 1, len(self.codes))

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.order[index * self.size : (index + 1) * self.size]
        return self.prepare.decode(mirrored(self.codes[rows], self.mirror[rows])), self.targets[rows]


def mirrored(images: np.ndarray, how: np.ndarray) -> np.ndarray:
    """A copy of images (N, height, width, channels), each turned over along the axes that how (N,) says: 0 none, 1 height,
    2 width, 3 both."""
    out = images.copy()
    for axes in (1, 2, 3):
        rows = how == axes
        out[rows] = np.flip(images[rows], [a for a in (1, 2) if axes & a])
    return out


class InStep(keras.callbacks.Callback):
    """Tells batches and dropouts which epoch begins: a training that goes on draws what it would have drawn. (Keras keeps
    the state of the optimiser, but not that of random numbers.)"""

    def __init__(self, batches: Batches) -> None:
        super().__init__()
        self.batches = batches

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.batches.begin(epoch)
        random = [layer.seed_generator for layer in self.model.layers if hasattr(layer, "seed_generator")]
        for place, generator in enumerate(random):
            generator.state.assign([1000 * self.batches.seed + place, epoch << 16])


@dataclass(frozen=True)
class Schedule:
    """epochs; rate: of Adam, falling to 0 as a cosine; sparsity: share of the weights, or inputs, that is 0 in the end,
    reached after ramp_epochs."""

    epochs: int
    rate: float
    sparsity: float = 0.0
    ramp_epochs: int = 0
    by_input: bool = False


def fit(model: keras.Model, batches: Batches, validation: Batches, how: Schedule, work: Path) -> None:
    """Train in place by cross-entropy. What `work` holds of an earlier, interrupted call is not done again: it keeps
    weights, optimiser and epoch of every epoch's end."""
    falling = keras.optimizers.schedules.CosineDecay(how.rate, how.epochs * len(batches))
    model.compile(keras.optimizers.Adam(falling), "categorical_crossentropy", metrics=["accuracy"])
    prune = [Prune(how.sparsity, how.ramp_epochs, how.by_input)] if how.sparsity else []
    kept = keras.callbacks.BackupAndRestore(str(work), delete_checkpoint=False)
    callbacks = [kept, InStep(batches), *prune]
    model.fit(batches, epochs=how.epochs, shuffle=False, validation_data=validation, callbacks=callbacks, verbose=2)


def same_training(work: Path, arguments: argparse.Namespace) -> None:
    """Make the folder that keeps a training's state; raise FpgaMlError where it holds that of other arguments. How many
    seeds are asked for may change."""
    ours = {k: str(v) for k, v in vars(arguments).items() if k not in ("seeds", "grey", "out", "work")}
    path = work / "arguments.json"
    if path.exists() and (found := json.loads(path.read_text())) != ours:
        other = ", ".join(f"--{k.replace('_', '-')} {v}" for k, v in found.items() if ours.get(k) != v)
        raise FpgaMlError(
            f"the state of a training with {other} is kept here", where=str(work), do="remove it, or give another --work"
        )
    work.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(ours, indent=1) + "\n")
