"""The files of the library: header, source, build files for CMake and pkg-config, and a Python wrapper.

What depends on the network is written beside its RTL (`write_parts`), and read again when a library gets its name and its
version (`write_library`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from string import Template
from typing import Any

import fpga_ml
from fpga_ml.errors import FpgaMlError
from fpga_ml.ir.network import Channel, Loop, Network
from fpga_ml.naming import identifier
from fpga_ml.numerics import FixedType
from fpga_ml.software.kernel import literal
from fpga_ml.software.processes import Software

_FILES = Path(__file__).parent / "files"
_PORT_BITS = 64
_PARTS, _SOURCE = "parts.json", "network.inc"
_NAMES = {  # of the files, with the library's prefix in place of PREFIX
    "header.h": "PREFIX.h",
    "library.cpp": "PREFIX.cpp",
    "hls4ml.inc": "PREFIX.hls4ml.inc",
    "lanes.inc": "PREFIX.lanes.inc",
    "CMakeLists.txt": "CMakeLists.txt",
    "pkgconfig.pc.in": "PREFIX.pc.in",
    "wrapper.py.in": "PREFIX.py",
}


@dataclass(frozen=True)
class Parts:
    """Texts that depend on the network: see files/library.cpp and hls4ml.inc, where they are put in. network: its hash."""

    network: str
    interleave: str
    ordered: str
    frame: str
    inputs: str
    modes: str
    outputs: str
    packs: str
    unpacks: str
    constants: str
    resets: str
    take_fixed: str
    give_fixed: str


@dataclass(frozen=True)
class Library:
    """A library's name and version, and what its symbols begin with."""

    name: str
    version: str
    network: str

    @property
    def prefix(self) -> str:
        return f"{identifier(self.name)}_v{''.join(c if c.isalnum() else '_' for c in self.version)}"

    @property
    def title(self) -> str:
        """For comments and strings of any language: a name with quotes or line ends is the identifier that it becomes."""
        plain = self.name.isprintable() and not set(self.name) & set('"\\*?')
        return f"{self.name if plain else identifier(self.name)}, version {self.version}"

    @property
    def about(self) -> str:
        return f"{self.title}, network {self.network}, fpga_ml {fpga_ml.__version__}"


def write_parts(network: Network, inputs: Sequence[FixedType], folder: Path) -> None:
    """Into an empty folder; inputs: the types of the network's inputs. Where there can be no library of the network, a text
    that says why."""
    try:
        _check_ports(network)
        software = Software.of(network)
    except FpgaMlError as error:
        (folder / _PARTS).write_text(json.dumps({"refused": error.what}, indent=1) + "\n")
        return
    (folder / _PARTS).write_text(json.dumps(asdict(_parts(software, inputs)), indent=1) + "\n")
    with (folder / _SOURCE).open("w") as file:
        for line in _source(software):
            file.write(f"{line}\n")


def read_parts(folder: Path) -> Parts:
    """Raises FpgaMlError where there can be no library."""
    told: dict[str, Any] = json.loads((folder / _PARTS).read_text())
    if "refused" in told:
        raise FpgaMlError(f"there is no C++ library of this network: {told['refused']}", where=str(folder.parent))
    return Parts(**told)


def write_library(parts: Parts, source: Path, library: Library, folder: Path) -> None:
    """All files, into a folder that exists; source: the folder of the parts."""
    values = asdict(parts) | {
        "prefix": library.prefix,
        "guard": f"{library.prefix.upper()}_H",
        "title": f"{library.title}: the network as a C++ library",
        "about": library.about,
        "number": _number(library.version),
    }
    for file, name in _NAMES.items():
        text = (_FILES / file).read_text()
        whole = text if file == "lanes.inc" else Template(text).substitute(values)
        (folder / name.replace("PREFIX", library.prefix)).write_text(whole)
    (folder / f"{library.prefix}.network.inc").write_bytes((source / _SOURCE).read_bytes())


def network_hash(network: Network) -> str:
    """SHA-256 of the network's text: channels, processes and kernels."""
    return hashlib.sha256(network.text().encode()).hexdigest()


def _number(version: str) -> str:
    """What CMake takes for a version: numbers with dots."""
    parts = [part for part in version.split(".") if part.isdigit()]
    return ".".join(parts[:4]) or "0"


def _check_ports(network: Network) -> None:
    """Raises FpgaMlError for values that an int64_t does not hold."""
    for channel in (*network.inputs, *network.results):
        bits = max(t.width + (not t.signed) for t in channel.types)
        if bits > _PORT_BITS:
            raise FpgaMlError(f"'{channel.name}' has values of {bits} bits, and the library takes and gives {_PORT_BITS}")


def _source(software: Software) -> Iterable[str]:
    """Tables, functions, and what is done with a frame."""
    yield from software.tables.text()
    yield from software.functions
    yield "void run(Frame& f) {"
    yield "    (void)f;"
    for line in software.steps:
        yield f"    {line}"
    yield "}"


def _parts(software: Software, types: Sequence[FixedType]) -> Parts:
    network, frame = software.network, software.frame
    inputs, outputs = network.inputs, network.results
    ordered = any(isinstance(p, Loop) and p.keeps for p in network.processes)
    fills = [
        f"f.{name}[{k}] = all<{frame.arrays[name][0].name}>({literal(raw)});"
        for name, values in frame.constants.items()
        for k, raw in enumerate(values)
    ]
    resets = [f"for (auto& one : f.{name}) one = all<{frame.arrays[name][0].name}>(0);" for name in frame.state]
    return Parts(
        network_hash(network),
        str(network.interleave),
        str(ordered).lower(),
        _lines((f"{kind.name} {name}[{count}];" for name, (kind, count) in frame.arrays.items()), 1),
        ", ".join(_port(c, c.types[0], network.interleave) for c in inputs),
        ", ".join(f"{{{t.rounding.value}, {t.overflow.value}}}" for t in types),
        ", ".join(_port(c, c.types[0], network.interleave) for c in outputs),
        _lines((_pack(software, k, c) for k, c in enumerate(inputs)), 2),
        _lines((_unpack(software, k, c) for k, c in enumerate(outputs)), 2),
        _lines(fills, 2),
        _lines(resets, 1),
        _lines((_fixed(k, c, t, "take") for k, (c, t) in enumerate(zip(inputs, types, strict=True))), 2),
        _lines((_fixed(k, c, c.types[0], "give") for k, c in enumerate(outputs)), 2),
    )


def _lines(lines: Iterable[str], depth: int) -> str:
    return "\n".join("    " * depth + line for line in lines)


def _port(channel: Channel, t: FixedType, interleave: int) -> str:
    elements = channel.tokens // interleave * len(channel.types)
    return f'{{"{channel.name}", {elements}, {t.width}, {t.integer}, {int(t.signed)}}}'


def _pack(software: Software, k: int, c: Channel) -> str:
    tokens = c.tokens // software.network.interleave
    value = f"[&](size_t s, size_t e) {{ return value({k}, first + s, e); }}"
    return f"pack({software.names[c.name]}, {tokens}, {len(c.types)}, count, {value});"


def _unpack(software: Software, k: int, c: Channel) -> str:
    tokens = c.tokens // software.network.interleave
    keep = f"[&](size_t s, size_t e, int64_t raw) {{ keep({k}, first + s, e, raw); }}"
    return f"unpack({software.names[c.name]}, {tokens}, {len(c.types)}, count, {keep});"


def _fixed(k: int, c: Channel, t: FixedType, what: str) -> str:
    """One line for the port: values of ap_fixed as they are."""
    if what == "take":
        raw = "low_bits(static_cast<int64_t>(p[e].range().to_uint64()), INPUTS[k])"
        each = f"for (size_t e = 0; e < x.size(); ++e) x[e] = {raw}"
        return f"if (k == {k}) if (const auto* p = pointer<{t.cpp()}>(given)) {{ {each}; return true; }}"
    each = f"for (size_t e = 0; e < y.size(); ++e) p[e].range() = ap_uint<{t.width}>(static_cast<uint64_t>(y[e]))"
    return f"if (k == {k}) if (auto* p = target<{t.cpp()}>(result)) {{ {each}; return true; }}"
