"""What crosses the board's line for a project: the inputs and outputs of its RTL as bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fpga_ml.ir.network.channel import apart, filled, together
from fpga_ml.numerics import FixedType
from fpga_ml.numerics.types import Raw

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ends:
    """One input or output. shape: of one sample; beats: into which a frame is cut, each of whole elements; an element takes
    whole bytes, sign- or zero-extended, least significant first, elements in row-major order. interleave: samples in a
    frame, whose beats come in turn."""

    name: str
    type: FixedType
    shape: tuple[int, ...]
    beats: int
    interleave: int = 1

    @property
    def elements(self) -> int:
        """Of a sample."""
        return math.prod(self.shape)

    @property
    def element_bytes(self) -> int:
        return -(-self.type.width // 8)

    @property
    def size_bytes(self) -> int:
        """Of a frame."""
        return self.interleave * self.elements * self.element_bytes

    @property
    def beat_elements(self) -> int:
        return self.interleave * self.elements // self.beats

    def encoded(self, values: Array) -> list[bytes]:
        """Real values (N, *shape), first converted to the type as the hardware does it, as bytes: one string a frame, the
        last one filled up with zeros."""
        raw = self.type.raw(np.asarray(values, np.float64)).reshape(len(values), self.elements)
        raw = filled(raw, self.interleave)
        frames = together(raw.reshape(len(raw), self.beats // self.interleave, self.beat_elements), self.interleave)
        raw, size = frames.reshape(len(frames), -1), self.element_bytes
        if raw.dtype == object:
            mask = (1 << 8 * size) - 1
            return [b"".join((v & mask).to_bytes(size, "little") for v in frame) for frame in raw.tolist()]
        octets = raw.astype("<i8").view(np.uint8).reshape(*raw.shape, 8)[:, :, :size]
        return [sample.tobytes() for sample in octets]

    def decoded(self, frames: Sequence[bytes]) -> Array:
        """Real values (N, *shape) of one string of bytes a frame."""
        raw = self._raw(b"".join(frames)).reshape(len(frames), self.beats, self.beat_elements)
        return self.type.real(apart(raw, self.interleave).reshape(-1, *self.shape))

    def _raw(self, octets: bytes) -> Raw:
        """Of elements one after the other."""
        size, signed = self.element_bytes, self.type.signed
        if self.type.kind is object:
            elements = (octets[k : k + size] for k in range(0, len(octets), size))
            return np.array([int.from_bytes(e, "little", signed=signed) for e in elements], object)
        rows = np.frombuffer(octets, np.uint8).reshape(-1, size)
        filling = 0xFF * (rows[:, -1:] >> 7) * np.uint8(signed)
        whole = np.concatenate([rows, np.repeat(filling.astype(np.uint8), 8 - size, axis=1)], axis=1)
        return np.ascontiguousarray(whole).view("<i8")[:, 0]


@dataclass(frozen=True)
class Interface:
    """arch: parallel or stream; marked: streams with TLAST; identity: of the RTL, eight bytes. All ends interleave alike."""

    top: str
    arch: str
    marked: bool
    inputs: tuple[Ends, ...]
    outputs: tuple[Ends, ...]
    identity: bytes

    @property
    def interleave(self) -> int:
        """Samples in a frame."""
        return self.inputs[0].interleave

    @property
    def sample_bytes(self) -> int:
        return sum(e.size_bytes for e in self.inputs)

    @property
    def result_bytes(self) -> int:
        return sum(e.size_bytes for e in self.outputs)

    def encoded(self, x: Sequence[Array]) -> list[bytes]:
        """The payload of each frame: its inputs behind one another. x: (N, ...) an input."""
        return [b"".join(parts) for parts in zip(*(e.encoded(a) for e, a in zip(self.inputs, x, strict=True)), strict=True)]

    def decoded(self, results: Sequence[bytes]) -> list[Array]:
        """(N, ...) an output, of all samples in the frames."""
        found, low = [], 0
        for e in self.outputs:
            found.append(e.decoded([r[low : low + e.size_bytes] for r in results]))
            low += e.size_bytes
        return found
