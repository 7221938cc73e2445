"""What a project's report says of the bytes that cross a board's line."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fpga_ml.board.interface import Ends, Interface
from fpga_ml.errors import FpgaMlError
from fpga_ml.numerics import FixedType
from fpga_ml.report import document

_MOST_BYTES = 0xFFFF  # of a sample or a result: a frame's length has two bytes


def interface_of(project: Path) -> Interface:
    """From the report of a project with RTL. Raises FpgaMlError where there is none, or a sample is too long for a frame."""
    report = document.read(project)
    rtl = report["rtl"]
    if rtl is None:
        raise FpgaMlError(
            f"there is no RTL to put on a board: {report['stages']['rtl']}",
            where=str(project),
            do="compile the model up to --until rtl or further",
        )
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in document.rtl_files(project, report)))
    lanes = report["config"].get("lanes", 1)
    with document.consistent(project):
        inputs, outputs = (
            tuple(_ends(port, rtl, lanes) for port in report["model"][side]) for side in ("inputs", "outputs")
        )
        last = report["config"]["frame_last"]
        made = Interface(document.top_of(report), rtl["arch"], last, inputs, outputs, digest.digest()[:8])
    for what, count in (("sample", made.sample_bytes), ("result", made.result_bytes)):
        if count > _MOST_BYTES:
            raise FpgaMlError(
                f"a {what} has {count:,} bytes, a frame to a board at most {_MOST_BYTES:,}",
                where=str(project),
                do="use a smaller model",
            )
    return made


def _ends(port: Mapping[str, Any], rtl: Mapping[str, Any], lanes: int) -> Ends:
    """In a stream a beat is the last axis, of as many pixels as there are lanes; else it is everything."""
    shape, many = tuple(port["shape"]), rtl["interleave"]
    beats = math.prod(shape[:-1]) * many if rtl["arch"] == "stream" else 1
    beats //= math.gcd(beats, lanes)
    return Ends(document.identifier_of(port), FixedType.parse(port["type"]), shape, beats, many)
