"""The HLS C++ project: hls4ml's own writer, test vectors that check, and a folder that is either old or whole."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt

from fpga_ml.backends import OURS
from fpga_ml.bridge.convert import Graph, listening
from fpga_ml.bridge.mended import mended
from fpga_ml.errors import FpgaMlError
from fpga_ml.hls.csim import CSim
from fpga_ml.hls.testbench import testbench
from fpga_ml.hls.words import CppPort
from fpga_ml.hls.words_cpp import bridge, is_wide, ports_of
from fpga_ml.hls.written import check_written
from fpga_ml.naming import folder_name
from fpga_ml.numerics.types import Raw
from fpga_ml.tb import weights
from fpga_ml.toolchain.gxx import build_library

Array = npt.NDArray[np.float64]
_TESTBENCH_SAMPLES = 100
_PROBE_BYTES = 1 << 20
_TEMPORARY = "set TMPDIR to a folder with some space"
_MARKS = ("report.json", "build_prj.tcl", "build_lib.sh", "CMakeLists.txt", "Makefile")


def check_writable(target: Path) -> None:
    """Raise, before any work, where a project cannot be put in `target`, or no temporary file be written."""
    _check_replaceable(target)
    above = next(p for p in target.absolute().parents if p.exists())
    _probe(above, target, "choose another folder with -o")
    try:
        found = [Path(tempfile.gettempdir())]
    except OSError as error:
        raise FpgaMlError("there is no folder for temporary files", where=str(error), do=_TEMPORARY) from None
    if os.environ.get("TMPDIR"):  # Python goes elsewhere where this is no good; other programs do not
        found.append(Path(os.environ["TMPDIR"]))
    for temporary in found:
        _probe(temporary, temporary, _TEMPORARY)


def _probe(folder: Path, where: Path, do: str) -> None:
    with disk_errors(where, do), tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_PROBE_BYTES))
        file.flush()


@contextmanager
def fresh_folder(target: Path) -> Iterator[Path]:
    """A new folder beside `target`, renamed into its place when all went well; otherwise the old one stays as it was."""
    _check_replaceable(target)
    beside = _beside(target, "new")
    with disk_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear(target)
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
    try:
        with disk_errors(target), _held(beside):
            yield beside
            _swap(beside, target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _beside(target: Path, what: str) -> Path:
    return target.parent / f".{folder_name(target.name)}.{os.getpid()}.{what}"


def _clear(target: Path) -> None:
    """Of runs that were killed: what they had begun goes, and what they had taken away comes back."""
    pattern = re.compile(rf"\.{re.escape(folder_name(target.name))}\.(\d+)\.(new|old)")
    for left in target.parent.iterdir():
        found = pattern.fullmatch(left.name)
        if found is None or left.is_symlink() or not left.is_dir() or _runs(int(found[1])) or _is_held(left):
            continue
        if found[2] == "old" and not target.exists():
            left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Locked for as long as this process lives, which is how another tells: of one in another container it does not know the
    number."""
    place = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(place)


def _is_held(folder: Path) -> bool:
    """Or it cannot be said that nobody does."""
    try:
        place = os.open(folder, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(place)
    return False


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _check_replaceable(target: Path) -> None:
    """Refuse to put a project where a file, or a folder that is no project, stands."""
    above = next(p for p in target.absolute().parents if p.exists())
    if not above.is_dir():
        raise FpgaMlError(f"'{above}' is no folder", where=str(target), do="choose another folder with -o")
    is_project = target.is_dir() and (not any(target.iterdir()) or any((target / m).exists() for m in _MARKS))
    if target.exists() and not is_project:
        raise FpgaMlError(
            f"'{target}' exists and is no HLS project", do="choose another folder with -o; nothing was touched"
        )


def _swap(new: Path, target: Path) -> None:
    old = _beside(target, "old")
    if target.exists():
        target.rename(old)
    try:
        new.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def disk_errors(
    target: Path, do: str = "choose another folder with -o", kept: str = "the previous project is untouched"
) -> Iterator[None]:
    """What the operating system says of a folder, in a sentence. do: where it cannot be written; kept: of what there is."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise FpgaMlError(
            "the disk is full" if full else f"cannot write: {error.strerror or error}",
            where=str(target),
            do=f"free some space; {kept}" if full else do,
        ) from error


def _check_weights(folder: Path) -> None:
    """Raise where a vendor's compiler would read other weights than C-simulation does."""
    wrong = weights.differences(folder / "firmware" / "weights")
    if wrong:
        raise FpgaMlError(wrong[0], where="firmware/weights", do="report this: hls4ml wrote one array in two ways")


def write_project(graph: Graph, folder: Path, target: Path, backend: str) -> None:
    """hls4ml's files into `folder`, the folder that the graph was converted for; it will be renamed to `target`."""
    with listening(), mended():
        graph.hls.config.trace_output = True
        try:
            graph.hls.write()
        except OSError:
            raise
        except Exception as error:
            raise FpgaMlError(
                f"hls4ml cannot write the project: {error or type(error).__name__}",
                where=f"backend {backend}",
                do="--debug shows hls4ml's traceback",
            ) from error
    if backend in OURS:
        check_written(graph.hls, folder)
    _mend_headers(folder)
    _forget(folder, target)
    _check_weights(folder)
    if backend == "Quartus":
        _mend_traces(graph, folder)
    if backend == "Catapult":
        _mend_names(graph, folder)
    if backend in OURS:
        name = graph.hls.config.get_project_name()
        (folder / f"{name}_test.cpp").write_text(testbench(graph.hls))
        if is_wide(graph.hls):
            with (folder / f"{name}_bridge.cpp").open("a") as file:
                file.write(bridge(graph.hls))


def _forget(folder: Path, target: Path) -> None:
    """hls4ml writes the folder's own path into a few scripts; the folder is about to be renamed."""
    for file in [f for f in folder.iterdir() if f.is_file() and f.suffix not in (".keras", ".h5")]:
        text = file.read_text(errors="surrogateescape")
        if str(folder) in text:
            file.write_text(text.replace(str(folder), str(target.resolve())), errors="surrogateescape")


def _mend_traces(graph: Graph, folder: Path) -> None:
    """hls4ml's Quartus writer traces, in a stream, the last layer's values in the place of every layer's, from a stream that
    is still empty: values of other samples, or a crash."""
    top = _top(graph, folder)
    text = top.read_text()
    for node in graph.hls.get_layers():
        own = node.get_output_variable()
        call = f'save_layer_output<{own.type.name}>({own.name}, "{node.name}", {own.size_cpp()})'
        text = re.sub(rf'save_layer_output<\w+>\(\w+, "{re.escape(node.name)}", [^;]+\)', call, text)
    top.write_text(text)


def _mend_names(graph: Graph, folder: Path) -> None:
    """hls4ml's Catapult writer makes a second name of a stream static: that of an argument stays the first call's, which is
    gone."""
    top = _top(graph, folder)
    top.write_text(top.read_text().replace("static auto& ", "auto& "))


def _top(graph: Graph, folder: Path) -> Path:
    return folder / "firmware" / f"{graph.hls.config.get_project_name()}.cpp"


def _header_mends() -> Iterator[tuple[str, str, str]]:
    """(header, what hls4ml 1.3.0 has there, what is right)."""
    # lstm and gru take the state for an input, and lstm gives its sums the type of its result: a network whose types differ
    # there does not compile (hls4ml issue 1166).
    for given, config in (("data_T", "mult_config1"), ("res_T", "mult_config2")):
        right = f"nnet::dense<{given}, typename CONFIG_T::accum_t, typename CONFIG_T::{config}>("
        for wrong in ("data_T, res_T", "data_T, typename CONFIG_T::accum_t"):
            yield "nnet_utils/nnet_recurrent.h", f"nnet::dense<{wrong}, typename CONFIG_T::{config}>(", right
    # ap_types look at a bit above the highest one of a value that lies wholly below the half of the last bit that it is
    # rounded to, and stop; they do not need that bit.
    bit = "_AP_ROOT_op_get_bit(op.V, F2 - _AP_F - 1);"
    yield "ap_types/ap_fixed_base.h", f"bool qbit = {bit}", f"bool qbit = F2 - _AP_F <= _AP_W2 && {bit}"
    # A type that does not hold the half by which Catapult multiplies a sum of two in parallel: all means were zero.
    yield "nnet_utils/nnet_merge.h", "ac_fixed<1, -1, false>(0.5)", "ac_fixed<1, 0, false>(0.5)"
    # Catapult's sums of depthwise convolutions in parallel have the type of their result, and its streams take a beat for a
    # value.
    yield "nnet_utils/nnet_sepconv2d.h", "res_T sum = depth", "typename CONFIG_T::accum_t sum = depth"
    for k in (1, 2):
        yield (
            "nnet_utils/nnet_merge_stream.h",
            f"static_cast<res_T>(in_data{k}",
            f"static_cast<typename res_T::value_type>(in_data{k}",
        )
    # Two headers with one guard: depthwise convolutions of one and of two axes in one model do not compile.
    guard = "NNET_SEPARABLE_CONV{}D_LATENCY_H_"
    yield "nnet_utils/nnet_sepconv1d_latency.h", guard.format(2), guard.format(1)
    # Quartus' sign of zero is -1; everybody else's is 1.
    for header, value, one in (
        ("nnet_activation", "datareg", "            cache = 1;"),
        ("nnet_activation_stream", "in_data[j]", "                out_data[j] = (typename res_T::value_type)1;"),
    ):
        yield f"nnet_utils/{header}.h", f"if ({value} > 0)\n{one}", f"if ({value} >= 0)\n{one}"


def _mend_headers(folder: Path) -> None:
    """In the project's copies of hls4ml's headers, where it has them."""
    for name, wrong, right in _header_mends():
        header = folder / "firmware" / name
        if header.exists():
            header.write_text(header.read_text().replace(wrong, right))


def write_vectors(folder: Path, graph: Graph, x: Sequence[Array], expected: Sequence[Array | Raw]) -> None:
    """tb_data/: one line a sample, all inputs (outputs) of a sample behind one another, in exact decimals; what is wider
    than a double as its bits, 32 at a time.

    expected: raw integers where an output is as wide as that. Without it the testbench fails, and says that it has none.
    """
    data = folder / "tb_data"
    data.mkdir(exist_ok=True)
    names = ("tb_input_features.dat", "tb_output_predictions.dat")
    for name, ports, arrays in zip(names, ports_of(graph.hls), (x, expected), strict=True):
        given = [_crossed(p, a[:_TESTBENCH_SAMPLES]) for p, a in zip(ports, arrays, strict=bool(arrays))]
        rows = [a.reshape(len(a), -1) for a in given]
        np.savetxt(data / name, np.concatenate(rows, axis=1) if rows else [], fmt="%.17g")


def _crossed(port: CppPort, values: Array | Raw) -> Array:
    """Values as they cross into the C++; of a wide port also raw integers."""
    if not port.wide:
        return values
    return port.crossed(port.fixed.raw(values) if values.dtype.kind == "f" else values)


def build_csim(graph: Graph, folder: Path, backend: str) -> CSim:
    """Compile the project's C-simulation into sim/."""
    name = graph.hls.config.get_project_name()
    library = folder / "sim" / f"lib{name}.so"
    build_library(folder, name, backend, library.resolve())
    return csim_of(graph, folder)


def csim_of(graph: Graph, folder: Path) -> CSim:
    """The C-simulation that was built in a project's folder, wherever that folder is now."""
    name = graph.hls.config.get_project_name()
    layers = {
        layer.name: tuple(int(d) for d in layer.get_output_variable().shape)
        for layer in graph.hls.get_layers()
        if layer.get_attr("trace", False) and layer.get_attr("function_cpp", None)
    }
    return CSim(
        folder / "sim" / f"lib{name}.so",
        folder / "firmware" / "weights",
        f"{name}_words" if is_wide(graph.hls) else f"{name}_double",
        *ports_of(graph.hls),
        layers,
        bool(graph.stateful),
    )
