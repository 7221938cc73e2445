"""What crosses the board's line for a project: the inputs and outputs of its RTL as bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.numerics import FixedType

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ends:
    """One input or output. shape: of one sample; beats: into which a sample is cut, each of whole elements; an element takes
    whole bytes, sign- or zero-extended, least significant first, elements in row-major order."""

    name: str
    type: FixedType
    shape: tuple[int, ...]
    beats: int

    @property
    def elements(self) -> int:
        """Of a sample."""
        return math.prod(self.shape)

    @property
    def element_bytes(self) -> int:
        return -(-self.type.width // 8)

    @property
    def size_bytes(self) -> int:
        """Of a sample."""
        return self.elements * self.element_bytes

    @property
    def beat_elements(self) -> int:
        return self.elements // self.beats

    def encoded(self, values: Array) -> list[bytes]:
        """Real values (N, *shape), first converted to the type as the hardware does it, as bytes: one string a sample."""
        raw = self.type.raw(np.asarray(values, np.float64)).reshape(len(values), self.elements)
        octets = raw.astype("<i8").view(np.uint8).reshape(*raw.shape, 8)[:, :, : self.element_bytes]
        return [sample.tobytes() for sample in octets]

    def decoded(self, samples: Sequence[bytes]) -> Array:
        """Real values (N, *shape) of one string of bytes a sample."""
        octets = np.frombuffer(b"".join(samples), np.uint8).reshape(len(samples), self.elements, self.element_bytes)
        filling = 0xFF * (octets[:, :, -1:] >> 7) * np.uint8(self.type.signed)
        whole = np.concatenate([octets, np.repeat(filling.astype(np.uint8), 8 - self.element_bytes, axis=2)], axis=2)
        raw = np.ascontiguousarray(whole).view("<i8").reshape(len(samples), *self.shape)
        return self.type.real(raw)


@dataclass(frozen=True)
class Interface:
    """arch: parallel or stream; marked: streams with TLAST; identity: of the RTL, eight bytes."""

    top: str
    arch: str
    marked: bool
    inputs: tuple[Ends, ...]
    outputs: tuple[Ends, ...]
    identity: bytes

    @property
    def sample_bytes(self) -> int:
        return sum(e.size_bytes for e in self.inputs)

    @property
    def result_bytes(self) -> int:
        return sum(e.size_bytes for e in self.outputs)

    def encoded(self, x: Sequence[Array]) -> list[bytes]:
        """The payload of each sample: its inputs behind one another. x: (N, ...) an input."""
        return [b"".join(parts) for parts in zip(*(e.encoded(a) for e, a in zip(self.inputs, x, strict=True)), strict=True)]

    def decoded(self, results: Sequence[bytes]) -> list[Array]:
        """(N, ...) an output."""
        found, low = [], 0
        for e in self.outputs:
            found.append(e.decoded([r[low : low + e.size_bytes] for r in results]))
            low += e.size_bytes
        return found
