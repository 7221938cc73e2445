"""Seeds of `fuzz_networks`, each built in a process of its own and judged: do all simulations give the same bits?"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import re
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

FINDS = ("disagreement", "crash", "traceback", "hang")
VERDICTS = ("agreed", "refused", *FINDS)
STAGES = ("convert", "csim", "emulate", "rtl", "cosim")
_TAIL_LINES = 12
_EMULATED = ("Vitis", "Vivado")
# How far a table may be from the function, by the beginning of a layer's name: half a step before the result is rounded; a
# softmax has the tables that flip no decision.
_MOST_STEPS_OFF = {"activation": 1, "qactivation": 1, "elu": 1, "softmax": 2**10}
_CRASHED = re.compile(r" crashed \(SIG| failed with exit code ")  # a compiler or what it made: no refusal


@dataclass(frozen=True)
class Outcome:
    """What became of a seed. verdict: of VERDICTS; reached: the last stage that ran, '' for none; text: why it did not
    agree; tags: what was in it, {layers | quantizers | backend | arch: names}; commit: of the code that was run."""

    seed: int
    verdict: str
    reached: str
    text: str
    tags: Mapping[str, Sequence[str]]
    seconds: float
    commit: str = ""
    until: str = ""


@dataclass(frozen=True)
class Run:
    """How seeds are run. until: emulate or cosim; keep: where the projects of finds stay; prepare: called in the process of
    a seed before it is built, for tests that plant faults."""

    until: str = "emulate"
    limit_s: float = 300.0
    commit: str = ""
    keep: Path | None = None
    prepare: Callable[[], None] | None = None


def outcomes(
    seeds: Iterable[int], run: Run, preload: Sequence[str] = ("fpga_ml.pipeline", "fuzz_networks")
) -> Iterator[Outcome]:
    """The seeds one after another. A server that has imported everything forks their processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*preload])
    for seed in seeds:
        folder = Path(tempfile.mkdtemp(prefix=f"fuzz{seed}_"))
        try:
            found = _outcome(context, seed, run, folder)
            if run.keep is not None and found.verdict in FINDS:
                shutil.copytree(folder, run.keep / str(seed), dirs_exist_ok=True, ignore_dangling_symlinks=True)
        finally:
            shutil.rmtree(folder)
        yield found


def _outcome(context: Any, seed: int, run: Run, folder: Path) -> Outcome:
    """Of one seed, in a process with a group of its own, which is ended whatever happens."""
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(seed, run, folder, theirs))
    start = time.monotonic()
    process.start()
    theirs.close()
    try:
        found = ours.recv() if ours.poll(run.limit_s) else ("hang", "", f"no end after {run.limit_s:.0f} s", {})
    except EOFError:
        process.join()
        found = ("traceback", "", f"the process ended with exit code {process.exitcode}", {})
    finally:
        process.kill()  # it may not have a group of its own yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
    verdict, reached, text, tags = found
    return Outcome(seed, verdict, reached, text, tags, round(time.monotonic() - start, 1), run.commit, run.until)


def _child(seed: int, run: Run, folder: Path, answer: Connection) -> None:
    os.setsid()
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    if run.prepare is not None:
        run.prepare()
    if seed % 2:
        _share_whatever_it_takes()
    answer.send(verdict_of(seed, run.until, folder))


def _share_whatever_it_takes() -> None:
    """Networks as small as these are mostly smaller without rounds, which are to be tried too."""
    from fpga_ml.lowering import hardware

    hardware.luts_at_once = lambda *_: math.inf


def verdict_of(seed: int, until: str, folder: Path) -> tuple[str, str, str, dict[str, list[str]]]:
    """(verdict, last stage, text, tags) of a seed, built into a folder."""
    from fuzz_networks import network

    from fpga_ml.errors import FpgaMlError

    tags: dict[str, list[str]] = {}
    try:
        made = network(seed)
        config = made.config.replace(until=until)
        tags |= {"layers": sorted(set(made.kinds)), "quantizers": sorted(made.quantizers)}
        tags |= {"backend": [config.backend], "arch": [config.arch]}
        project, text = built(made.model, made.data, config, folder / "p")
        stages = project.report["stages"]
        reached = [s for s in STAGES if stages[s] == "ran"][-1]
        stopped = _stopped(stages, config.backend)
        return "disagreement" if text else "refused" if stopped else "agreed", reached, text or stopped, tags
    except FpgaMlError as error:
        return "crash" if _CRASHED.search(str(error)) else "refused", "", str(error), tags
    except Exception:
        return "traceback", "", "\n".join(traceback.format_exc().splitlines()[-_TAIL_LINES:]), tags


def _stopped(stages: Mapping[str, str], backend: str) -> str:
    """Why a stage that was asked for and that the backend has did not run; '' where all ran."""
    asked = [s for s in STAGES if not stages[s].startswith("not asked for")]
    has = asked if backend in _EMULATED else [s for s in asked if s in ("convert", "csim")]
    return next((f"{s}: {stages[s]}" for s in has if stages[s] != "ran"), "")


def built(model: Any, data: Any, config: Any, folder: Path) -> tuple[Any, str]:
    """The project of a model, and where two simulations of it differ, '' for nowhere."""
    import fpga_ml

    project = fpga_ml.compile(model, data=data, config=config, output=folder)
    return project, "; ".join(_differences(project))


def _differences(project: Any) -> Iterator[str]:
    from ladder import lowered_equals

    report = project.report
    csim, emulator = report["csim"], report["emulator"]
    if csim["bit_exact_vs_quantised_model"] is False:
        yield f"C-simulation is not the quantised model: {csim['first_difference']}"
    if far := _far(report):
        yield far
    if emulator and emulator["mismatches"]:
        yield f"emulator is not C-simulation: {emulator}"
    for run in report["cosim"]:
        if not run["passed"]:
            yield f"RTL is not C-simulation: {run['texts']}"
    if project.graph is not None:
        try:
            lowered_equals(project, list(project.x))
        except AssertionError as error:
            yield f"kernel is not the emulator: {str(error).strip()[:300]}"


def _far(report: Mapping[str, Any]) -> str:
    """What is wrong with the first tensor that differs, where a table of ours made it of equal values: none may be further
    off than _MOST_STEPS_OFF, unless a note of the report tells so."""
    from fpga_ml.numerics import FixedType

    first = report["csim"]["first_difference"]
    if first is None or report["config"]["backend"] not in _EMULATED:
        return ""
    told = report["config"]["layers"] or any(first["layer"].removesuffix("_round") in note for note in report["notes"])
    most = next((n for start, n in _MOST_STEPS_OFF.items() if first["layer"].startswith(start)), None)
    if most is None or told:
        return ""
    row = next(r for r in report["csim"]["layers"] if r["layer"] == first["layer"])
    steps = row["max_abs_err"] * 2.0 ** FixedType.parse(row["type"]).fraction
    return f"a table is off by {steps:g} steps: {first}" if steps > most else ""


def recorded(
    seeds: Iterable[int], run: Run, file: Path, progress: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """As `outcomes`, added to a file, a line each; seeds that are in it, of the same commit and as far, are not run again.
    progress: is called with each outcome, also with those of the file."""
    lines = file.read_text().splitlines() if file.exists() else []
    before = [Outcome(**json.loads(line)) for line in lines]
    known = {o.seed: o for o in before if (o.commit, o.until) == (run.commit, run.until)}
    for seed in (s for s in seeds if s in known):
        progress(known[seed])
    with file.open("a") as found:
        for outcome in outcomes([s for s in seeds if s not in known], run):
            known[outcome.seed] = outcome
            found.write(json.dumps(asdict(outcome)) + "\n")
            found.flush()
            progress(outcome)
    return [known[s] for s in seeds]


def summary(found: Sequence[Outcome]) -> str:
    """Verdicts, what the seeds had in them, refusals by message, and every find."""
    verdicts = Counter(o.verdict for o in found)
    reached = Counter(o.reached for o in found if o.verdict == "agreed")
    lines = [f"{len(found)} seeds: " + ", ".join(f"{verdicts[v]} {v}" for v in VERDICTS)]
    lines.append("agreed, by the last stage: " + ", ".join(f"{reached[s]} {s}" for s in STAGES if reached[s]))
    for kind in ("layers", "quantizers", "backend", "arch"):
        seen = Counter(name for o in found if o.verdict == "agreed" for name in o.tags[kind])
        lines.append(f"{kind} in seeds that agreed: " + ", ".join(f"{n} {name}" for name, n in seen.most_common()))
    refusals = Counter(_message(o.text) for o in found if o.verdict == "refused")
    lines += ["refused:", *(f"  {n} x {text}" for text, n in refusals.most_common())] if refusals else []
    lines += [
        f"{o.verdict}, seed {o.seed} ({', '.join(o.tags.get('layers', ()))}):\n{o.text}" for o in found if o.verdict in FINDS
    ]
    return "\n".join(lines)


def _message(text: str) -> str:
    """The first line of an error, without names and numbers."""
    return re.sub(r"-?\d[\d.,e+-]*", "N", re.sub(r"'[^']*'", "'...'", text.partition("\n")[0]))
