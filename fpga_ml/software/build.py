"""A project's C++ library: compiled, compared with the vectors on which C-simulation and RTL agreed, and certified."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fpga_ml.errors import FpgaMlError
from fpga_ml.report import document
from fpga_ml.software.library import Library, read_parts, write_library
from fpga_ml.toolchain.find import compiler, compiler_version
from fpga_ml.toolchain.run import Command, run
from fpga_ml.whole import put

CERTIFICATE = "certificate.json"
SOURCES = "emulator"  # of a project
VECTORS = Path("tests") / "vectors.json"
FORMAT = 1
_FLAGS = ("-std=c++17", "-O2", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-Bsymbolic")
_SEAL = "sha256.json"
_SHOWN = 5
_AGAIN = "compile the project again, with --until cosim"


@dataclass(frozen=True)
class Built:
    """library, certificate: files; vectors: that were compared; agreed: who gave the same for them."""

    library: Path
    certificate: Path
    vectors: int
    agreed: tuple[str, ...]


def build_library(
    project: Path | str,
    output: Path | str | None = None,
    *,
    name: str | None = None,
    version: str = "1",
    march: str | None = None,
) -> Built:
    """Make a project's network a C++17 library that needs nothing else, and compare it with the project's vectors.

    Parameters
    ----------
    project
        The folder of a finished build.
    output
        NAME.so: the library, with its header and its certificate beside it. Otherwise a folder, which is made anew: the
        library with its sources, header, build files for CMake and pkg-config, a Python wrapper, vectors and certificate.
        By default NAME_vVERSION.
    name
        Of the model; by default as in its report. With the version it begins all symbols.
    version
        Letters, digits and dots.
    march
        The least processor, as the compiler's -march takes it ("x86-64-v3", "native"); by default the compiler's own.

    Returns
    -------
    Built

    Raises
    ------
    FpgaMlError
        Where the project has no RTL, values are too wide for the library, or it gives another bit than the vectors say.
        What was there before stays.
    """
    project = Path(project)
    report, sources = _sound(project), project / SOURCES
    if not re.fullmatch(r"[A-Za-z0-9.]+", version):
        raise FpgaMlError(f"'{version}' is no version", do="give letters, digits and dots: --version 1.2")
    if name is not None and not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise FpgaMlError(f"'{name}' cannot begin the names of symbols", do="give letters, digits and _: --name jet_tagger")
    parts = read_parts(sources)
    library = Library(name or str(report["model"]["name"]), version, parts.network)
    target = Path(output) if output is not None else Path(library.prefix)
    who = (*(row["by"] for row in _agreed(report)), "library")
    tools = {"compiler": compiler_version(compiler()).splitlines()[1], "march": march or ""}
    alone = target.suffix == ".so"
    if alone and target.is_dir():
        raise FpgaMlError(f"'{target}' is a folder", do="choose another name with -o; nothing was touched")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_library(parts, sources, library, folder)
        made = _compiled(folder, library, march)
        shutil.copy(project / VECTORS, folder)
        count = _compared(folder, library, folder / VECTORS.name)
        header = f"{library.prefix}.h"
        every = {f.name: f for f in sorted(folder.iterdir()) if f.is_file()}
        files = {target.name: made, header: every[header]} if alone else every
        certificate = target.with_suffix(f".{CERTIFICATE}") if alone else target / CERTIFICATE
        text = _certificate(project, report, library, files, certificate.parent, tools, count)
        if alone:
            for name, file in files.items():
                put(target.with_name(name), file.read_bytes())
            put(certificate, text)
        else:
            with _made_anew(target) as new:
                for name, file in files.items():
                    shutil.copy(file, new / name)
                (new / CERTIFICATE).write_text(text)
    return Built(target if alone else target / made.name, certificate, count, who)


def verify(certificate: Path | str, *, project: Path | str | None = None, simulate: bool = True) -> list[str]:
    """Check a certificate again.

    Its files are those that it names; the library gives what the project's vectors say; so do C-simulation and RTL, which
    are compiled and run again.

    Parameters
    ----------
    certificate
        The file.
    project
        The project's folder, where it has moved.
    simulate
        Whether C-simulation and RTL are run again.

    Returns
    -------
    list of str
        What does not hold; none if all does.

    Raises
    ------
    FpgaMlError
        For what is no certificate, and a project that is not there.
    """
    file = Path(certificate)
    file = file / CERTIFICATE if file.is_dir() else file
    told = _read(file)
    place = Path(project) if project is not None else (file.parent / told["project"]).resolve()
    if not place.is_dir():
        raise FpgaMlError(f"there is no project '{place}'", where=str(file), do="say where it is with --project")
    if not (place / SOURCES).is_dir() or read_parts(place / SOURCES).network != told["network"]:
        raise FpgaMlError(f"'{place}' is the project of another network", where=str(file), do="say which with --project")
    report = document.read(place)
    wrong = [
        *(f"the certificate does not name {name}" for name in _unnamed(told, place)),
        *_changed(file.parent, told["files"]["library"]),
        *_changed(place, told["files"]["project"]),
    ]
    if told["agreed"][:-1] != [*_agreed(report)]:
        wrong.append("the certificate says otherwise than the project's report who agreed")
    library = file.parent / Path(told["library"]).name
    if library.exists() and (place / VECTORS).exists():
        parts = read_parts(place / SOURCES)
        with tempfile.TemporaryDirectory() as scratch:
            own = Library(told["model"], told["version"], parts.network)
            write_library(parts, place / SOURCES, own, Path(scratch))
            shutil.copy(library, Path(scratch) / f"lib{own.prefix}.so")
            try:
                _compared(Path(scratch), own, place / VECTORS)
            except FpgaMlError as error:
                wrong.append(f"the library: {error.what}")
    if simulate:
        wrong += _simulated(place, [found["simulator"] for found in report["cosim"] or ()])
    return wrong


def seal(project: Path) -> None:
    """Write the SHA-256 of what a build has made, so that a library is not certified for files that nobody has run."""
    digests = {name: digest for name, digest in _digests(project).items() if Path(name).name not in ("report.json", _SEAL)}
    (project / SOURCES / _SEAL).write_text(json.dumps(digests, indent=1) + "\n")


def _sound(project: Path) -> dict[str, Any]:
    """The report of a project that a library can be made of; FpgaMlError for any other."""
    report = document.read(project)
    sources = project / SOURCES
    if not sources.is_dir():
        raise FpgaMlError(
            f"'{project}' has no sources of a C++ library, which come with the RTL; its RTL: {report['stages']['rtl']}",
            do=_AGAIN,
        )
    if not (project / VECTORS).exists() or not (sources / _SEAL).exists():
        raise FpgaMlError(f"'{project}' has no vectors with which a library could be compared", do=_AGAIN)
    changed = _changed(project, json.loads((sources / _SEAL).read_text()))
    if changed:
        raise FpgaMlError(f"'{project}' is not as it was built: {'; '.join(_some(changed))}", do=_AGAIN)
    failed = [found["simulator"] for found in report["cosim"] or () if not found["passed"]]
    if failed:
        raise FpgaMlError(f"the RTL of '{project}' differs from C-simulation in {failed[0]}", do="see its report first")
    return report


@contextmanager
def _made_anew(target: Path) -> Iterator[Path]:
    """A folder that takes the place of `target` when it is whole; what is there already must be a library's."""
    if target.exists() and not (target / CERTIFICATE).exists():
        raise FpgaMlError(f"'{target}' exists and is no library", do="choose another folder with -o; nothing was touched")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as scratch:
        new = Path(scratch) / "new"
        new.mkdir()
        yield new
        if target.exists():
            target.rename(Path(scratch) / "old")
        new.rename(target)


def _compiled(folder: Path, library: Library, march: str | None) -> Path:
    made = folder / f"lib{library.prefix}.so"
    machine = [f"-march={march}"] if march else []
    command = [compiler(), *_FLAGS, *machine, f"{library.prefix}.cpp", "-o", made.name]
    run(
        Command(command, folder),
        what=f"compiling the library '{library.prefix}'",
        do="see the compiler's message, and --march",
    )
    return made


def _compared(folder: Path, library: Library, vectors: Path) -> int:
    """Run the library on vectors in a process of its own, by its wrapper; how many, or FpgaMlError for what differs."""
    command = [sys.executable, f"{library.prefix}.py", str(vectors.resolve())]
    said = run(
        Command(command, folder, {"PYTHONDONTWRITEBYTECODE": "1"}),
        what="the library does not give what the vectors say",
        do="the files are not of one build, or this is a bug: report it",
    )
    return int(said.stdout.split()[0])


def _certificate(
    project: Path,
    report: Mapping[str, Any],
    library: Library,
    files: Mapping[str, Path],
    place: Path,
    tools: Mapping[str, str],
    count: int,
) -> str:
    """files: of the library, by the names that they get beside the certificate in `place`."""
    told = {
        "format": FORMAT,
        "model": library.name,
        "version": library.version,
        "prefix": library.prefix,
        "network": library.network,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "library": next(name for name in files if name.endswith(".so")),
        "project": os.path.relpath(project.resolve(), place.resolve()),
        "tools": {**tools, **document.versions(), "fpga_ml": report["fpga_ml"]},
        "agreed": [*_agreed(report), {"by": "library", "vectors": count}],
        "files": {
            "library": {name: _digest(file) for name, file in files.items()},
            "project": _digests(project),
        },
    }
    return json.dumps(told, indent=1) + "\n"


def _project_files(project: Path) -> Iterator[Path]:
    """What the library, the RTL and the C++ are made of, from the project's folder."""
    yield Path("report.json")
    yield VECTORS
    for folder in (SOURCES, "rtl", "firmware"):
        for file in sorted((project / folder).rglob("*")):
            if file.is_file() and "ap_types" not in file.parts:
                yield file.relative_to(project)


def _agreed(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Who agreed with the quantised model on how many samples, and with C-simulation on how many vectors."""
    if report["csim"] is not None:
        found = report["csim"]
        equal = found["compared_at"] if found["bit_exact_vs_quantised_model"] else []
        yield {"by": "C-simulation", "samples": found["samples"], "equals_keras_up_to": equal}
    for found in report["cosim"] or ():
        if found["passed"]:
            yield {"by": f"RTL in {found['simulator']} {found['version']}", "vectors": found["vectors"]}


def _simulated(project: Path, simulators: Sequence[str]) -> list[str]:
    """What the tests that travel with the project find in its C++ and its RTL."""
    arguments = [sys.executable, "-m", "tb.again", *simulators]
    command = Command(arguments, project / "tests", {"PYTHONDONTWRITEBYTECODE": "1"})
    try:
        found = run(command, what="C-simulation and RTL", do="").stdout.splitlines()
        return _some(found)
    except FpgaMlError as error:
        return [error.what]


def _changed(folder: Path, digests: Mapping[str, str]) -> list[str]:
    """Files that are not those of the digests."""
    return [
        f"{name} has changed" if (folder / name).exists() else f"{name} is missing"
        for name, digest in digests.items()
        if _digest(folder / name) != digest
    ]


def _unnamed(told: Mapping[str, Any], project: Path) -> Iterator[str]:
    """Files of the library and of the project that a certificate must name."""
    named = told["files"]["project"]
    yield from (str(name) for name in _project_files(project) if str(name) not in named)
    yield from (name for name in (told["library"], f"{told['prefix']}.h") if name not in told["files"]["library"])


def _some(texts: Sequence[str]) -> list[str]:
    """The first of them, and how many more there are."""
    return [*texts[:_SHOWN], *[f"and {len(texts) - _SHOWN:,} more"] * (len(texts) > _SHOWN)]


def _digests(project: Path) -> dict[str, str]:
    """SHA-256 of the project's files, by their names from its folder."""
    return {str(name): _digest(project / name) for name in _project_files(project)}


def _read(file: Path) -> dict[str, Any]:
    try:
        told: dict[str, Any] = json.loads(file.read_text())
        if told["format"] != FORMAT:
            raise ValueError(f"of format {told['format']}, not {FORMAT}")
        for name in ("project", "library", "model", "version", "prefix", "network"):
            if not isinstance(told[name], str):
                raise ValueError(f"{name} is no text")
        if not all(isinstance(told["files"][side], dict) for side in ("library", "project")) or not told["agreed"]:
            raise ValueError("it names no files, or nobody who agreed")
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise FpgaMlError(
            f"no certificate: {error}", where=str(file), do="give the file that fpga-ml emulator wrote"
        ) from None
    return told


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""
