"""The host's side: samples out, results in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from fpga_ml.board.frames import MEANING, Answer, Kind, LineError, Status, receive, request
from fpga_ml.board.interface import Array, Interface
from fpga_ml.board.links import DEFAULT_BAUD, Link, opened
from fpga_ml.errors import FpgaMlError

_LINE = (Status.CHECKSUM, Status.LATE, Status.OVERRUN)


class Board:
    """A board that carries a project's RTL in our shell.

    >>> with Board.open("/dev/ttyUSB0", "hls_projects/jet_cnn") as board:
    ...     y = board.run(x)

    A frame that was lost or changed on the line is sent again, `retries` times; `repeated` counts these.
    """

    def __init__(self, link: Link, interface: Interface, *, retries: int = 2) -> None:
        self.link, self.interface, self.retries = link, interface, retries
        self.repeated = 0

    @classmethod
    def open(cls, port: str, project: Path | str, *, baud: int = DEFAULT_BAUD, retries: int = 2) -> Board:
        """port: of the USB bridge, /dev/ttyUSB0 say, or spi:BUS.DEVICE for /dev/spidevBUS.DEVICE; project: the folder whose
        RTL is on the board, which is asked whether it is; baud: bits a second.

        Raises FpgaMlError for a port that cannot be opened, no answer, and another model on the board.
        """
        from fpga_ml.board.project import (
            interface_of,  # reading reports takes long to import, and talking to a board does not need it
        )

        interface = interface_of(Path(project))
        board = cls(opened(port, baud), interface, retries=retries)
        try:
            board.check()
        except FpgaMlError:
            board.close()
            raise
        return board

    def check(self) -> None:
        """Raise unless the board carries this project's RTL."""
        found = self._ask(Kind.IDENTIFY)
        if found != self.interface.identity:
            raise FpgaMlError(
                f"the board carries other RTL: {found.hex()}, not {self.interface.identity.hex()}",
                do="build the project's bitstream (fpga-ml board) and load it, or give the project that is on the board",
            )

    def run(self, x: Any, *, watch: Callable[[int], None] = lambda _done: None) -> list[Array]:
        """Outputs (N, ...), one array an output, as the hardware gives them. x: (N, ...), or one array an input; values are
        first converted to the input type as the hardware does it. Interleaved samples are filled up to whole frames with
        zeros, whose outputs are dropped. watch: called after each frame, with the number of its samples."""
        given = [np.asarray(a, np.float64) for a in (x if isinstance(x, (list, tuple)) else [x])]
        self._check_shapes(given)
        results = []
        for payload in self.interface.encoded(given):
            results.append(self._ask(Kind.SAMPLE, payload))
            watch(min(self.interface.interleave, len(given[0]) - (len(results) - 1) * self.interface.interleave))
        return [y[: len(given[0])] for y in self.interface.decoded(results)]

    def _check_shapes(self, given: Sequence[Array]) -> None:
        wanted = [("N", *e.shape) for e in self.interface.inputs]
        found = [a.shape for a in given]
        if [s[1:] for s in wanted] != [s[1:] for s in found] or len({s[0] for s in found}) != 1:
            told = ", ".join(f"({', '.join(map(str, s))})" for s in wanted)
            raise FpgaMlError(
                f"samples of shape {', '.join(map(str, found))}, but the model takes {told}", do="reshape the samples"
            )
        for e, a in zip(self.interface.inputs, given, strict=True):
            if not np.isfinite(a).all():
                raise FpgaMlError("samples hold NaN or infinity", where=f"input '{e.name}'", do="leave them out")

    def _ask(self, kind: Kind, payload: bytes = b"") -> bytes:
        """The payload of the answer; asks again after a fault of the line."""
        for left in range(self.retries, -1, -1):
            try:
                return self._once(kind, payload)
            except LineError as error:
                if left == 0:
                    raise FpgaMlError(f"{error.what} ({self.retries} repeats)", do=error.do) from None
                self.repeated += 1
                self.link.settle()
        raise AssertionError("not reached")

    def _once(self, kind: Kind, payload: bytes) -> bytes:
        self.link.write(request(kind, payload))
        answer = receive(self.link)
        if answer.status is not Status.GOOD:
            told = MEANING[answer.status]
            if answer.status in _LINE:
                raise LineError(told, do="check cable and baud rate")
            raise FpgaMlError(told, do="give the project whose bitstream is on the board")
        return self._of_length(kind, answer)

    def _of_length(self, kind: Kind, answer: Answer) -> bytes:
        wanted = self.interface.result_bytes if kind is Kind.SAMPLE else len(self.interface.identity)
        if len(answer.payload) != wanted:
            raise FpgaMlError(
                f"the board's answer has {len(answer.payload)} bytes, this project's {wanted}",
                do="give the project whose bitstream is on the board",
            )
        return answer.payload

    def close(self) -> None:
        self.link.close()

    def __enter__(self) -> Board:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
