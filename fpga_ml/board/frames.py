"""The protocol between a host and the shell: one frame asks, one answers. docs/board.md has it in words.

Request: a5, kind, length (2 bytes), payload, checksum. Answer: 5a, status, length (2 bytes), payload, checksum. Lengths come
least significant byte first, the checksum (CRC-16 of what lies between it and the first byte; polynomial 0x1021, start
0xffff) most significant first.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from enum import IntEnum

from fpga_ml.board.links import Link
from fpga_ml.errors import FpgaMlError

REQUEST, ANSWER = 0xA5, 0x5A
HEAD_BYTES, SUM_BYTES = 4, 2
_UNHEARD = "check that the bitstream is loaded and made for this line, and the port and its baud rate"


class Kind(IntEnum):
    SAMPLE = 1
    IDENTIFY = 2


class Status(IntEnum):
    """What an answer says."""

    GOOD = 0
    LENGTH = 1
    CHECKSUM = 2
    LATE = 3
    STUCK = 4
    OVERRUN = 5
    KIND = 6


MEANING = {
    Status.LENGTH: "the frame's length is not that of a sample of the model on the board",
    Status.CHECKSUM: "a frame reached the board with a wrong checksum",
    Status.LATE: "a frame reached the board in part only",
    Status.STUCK: "the model gave no result in time; the board has reset it",
    Status.OVERRUN: "bytes reached the board while it was still busy with the frame before",
    Status.KIND: "the board does not know this kind of frame",
}


@dataclass(frozen=True)
class Answer:
    status: Status
    payload: bytes


class LineError(FpgaMlError):
    """Something was lost or changed on the line: asking again may help."""


def request(kind: int, payload: bytes = b"") -> bytes:
    """A whole frame for the board."""
    body = bytes([kind]) + len(payload).to_bytes(2, "little") + payload
    return bytes([REQUEST]) + body + checksum(body)


def answer(status: int, payload: bytes = b"") -> bytes:
    """A whole frame from the board."""
    body = bytes([status]) + len(payload).to_bytes(2, "little") + payload
    return bytes([ANSWER]) + body + checksum(body)


def checksum(body: bytes) -> bytes:
    return binascii.crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def receive(link: Link) -> Answer:
    """One answer; what comes before its first byte is passed over. Raises LineError where there is none, or not all of it,
    or its checksum is wrong."""
    if not link.seek(ANSWER):
        raise LineError("the board gave no answer", do=_UNHEARD)
    body = _exactly(link, HEAD_BYTES - 1)
    body += _exactly(link, int.from_bytes(body[1:3], "little"))
    found, right = _exactly(link, SUM_BYTES), checksum(body)
    if found != right or body[0] not in Status.__members__.values():
        raise LineError(
            f"an answer reached the host with a wrong checksum: {found.hex()}, not {right.hex()}",
            do="check cable and baud rate",
        )
    return Answer(Status(body[0]), body[HEAD_BYTES - 1 :])


def _exactly(link: Link, size: int) -> bytes:
    found = link.read(size) if size else b""
    if len(found) < size:
        raise LineError(f"the board gave a part of an answer: {len(found)} of {size} bytes", do=_UNHEARD)
    return found
