"""A campaign: faults of a design one after the other, each until a check detects it.

A fault is put into a copy of the RTL. What does not compile is no fault; another is drawn. The build's own co-simulation
then runs: first Icarus back to back, which detects most faults, then all modes of Icarus, then of Verilator. A fault that
none of them detects may change nothing: Yosys is asked for a proof, and for one of the module's next state already before
the slow runs.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fpga_ml.errors import FpgaMlError
from fpga_ml.simulate.cosim import CosimResult, Guarantee, Mode, Simulator, Vectors, cosim
from fpga_ml.simulate.prove import SIMULATORS
from mutation.designs import Design
from mutation.equivalence import same_always, same_function, same_step
from mutation.faults import Fault, drawn

Outcome = Literal["text", "module", "icarus", "verilator", "equivalent", "reason", "survived", "broken"]
REASONS = Path(__file__).parent / "reasons.toml"
_LIMIT_S = 300


@dataclass(frozen=True)
class Trial:
    """What became of a fault. place: file:line; before, after: that line; outcome: what detected it, the comparison of the
    text or a simulator; 'equivalent': Yosys proved that it changes nothing; 'reason': a person says so; 'broken': it does
    not compile; told: the first difference, or what was proved."""

    design: str
    kind: str
    place: str
    before: str
    after: str
    outcome: Outcome
    told: str
    seconds: float

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.design, self.place, self.before, self.after


def campaign(design: Design, seed: int, count: int, work: Path, known: Sequence[Trial] = ()) -> Iterator[Trial]:
    """Trials of `count` faults that compile, drawn by seed, and of those that do not; known: from an earlier run, not tried
    again."""
    texts = {f.name: f.read_text() for f in design.files}
    before = {trial.key: trial for trial in known}
    tried: set[tuple[str, str, str, str]] = set()
    for name, fault in drawn(texts, seed):
        if count == 0:
            return
        begun = _begun(design, name, texts[name], fault)
        if begun.key in tried:
            continue
        tried.add(begun.key)
        trial = before.get(begun.key) or _tried(design, begun, name, fault.applied(texts[name]), work)
        count -= trial.outcome != "broken"
        yield trial


def _begun(design: Design, name: str, text: str, fault: Fault) -> Trial:
    return Trial(design.name, fault.kind, f"{name}:{fault.line(text)}", *fault.lines(text), "survived", "", 0.0)


def _tried(design: Design, begun: Trial, name: str, text: str, work: Path) -> Trial:
    start = time.perf_counter()
    folder = work / "mutant"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "rtl").mkdir(parents=True)
    for file in design.files:
        shutil.copy(file, folder / "rtl")
    (folder / "rtl" / name).write_text(text)
    outcome, told = _outcome(design, folder, name)
    if outcome == "survived":
        outcome, told = ("reason", why) if (why := _reason(begun)) else (outcome, told)
    return replace(begun, outcome=outcome, told=told, seconds=round(time.perf_counter() - start, 1))


def _outcome(design: Design, folder: Path, name: str) -> tuple[Outcome, str]:
    gold, gate, rtl = design.files, [folder / "rtl" / f.name for f in design.files], design.bench.rtl
    try:
        if told := design.bench.text_faults(folder):
            return "text", told[0]
        if told := _alone(design, folder):
            return "module", told
        if told := _quick(design, folder):
            return "icarus", told
        kernel = next((m for m in design.bench.rtl.kernels if f"{m.name}.sv" == name), None)
        if kernel is not None and same_function(gold, gate, kernel):
            return "equivalent", "the kernel's function is the same"
        if same_step(gold, gate, Path(name).stem):
            return "equivalent", "the module's next step is the same"
        for simulator in SIMULATORS[::-1]:
            if told := _complete(design, folder, simulator):
                return simulator, told
    except _Broken as error:
        return "broken", str(error)
    for top in (Path(name).stem, rtl.top):
        if same_always(gold, gate, top):
            return "equivalent", f"the outputs of '{top}' are the same in every cycle"
    return "survived", ""


class _Broken(Exception):
    """It does not compile, or has other ports."""


@contextmanager
def _seen() -> Iterator[list[str]]:
    """A simulation that ends without a result, or not at all, has detected the fault; its message is added to the list."""
    said: list[str] = []
    old = signal.signal(signal.SIGALRM, _late)
    signal.alarm(_LIMIT_S)
    try:
        yield said
    except TimeoutError:
        said.append(f"no end after {_LIMIT_S} s")
    except FpgaMlError as error:
        if not error.what.startswith("RTL simulation"):
            raise _Broken(error.what.splitlines()[0]) from None
        said.append(error.what.splitlines()[0])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, old)


def _late(*_: Any) -> None:
    raise TimeoutError


def _alone(design: Design, folder: Path) -> str:
    """Each kernel and each holder on its own."""
    with _seen() as said:
        said += design.bench.module_faults(folder)
    return said[0] if said else ""


def _quick(design: Design, folder: Path) -> str:
    """Back to back under Icarus, as the complete co-simulation begins, up to the first difference."""
    rtl, bench = design.bench.rtl, design.bench
    vectors = Vectors.load(design.folder / "sim" / "icarus" / "vectors.json")
    files = [folder / "rtl" / name for name in rtl.files]
    guarantee = Guarantee(rtl.latency_cycles, rtl.interval_cycles)
    modes: list[Mode] = ["back_to_back"]
    with _seen() as said:
        run = cosim(
            files, rtl.top, vectors, folder / "sim", "icarus", modes, seed=bench.seed, guarantee=guarantee, stop_at=1
        )
        said += _texts(run)
    return said[0] if said else ""


def _complete(design: Design, folder: Path, simulator: Simulator) -> str:
    """All that a build does with one simulator."""
    bench = replace(design.bench, simulators=(simulator,))
    with _seen() as said:
        for run in bench.simulate(folder, design.vectors, stop_at=1):
            said += _texts(run)
    return said[0] if said else ""


def _texts(run: CosimResult) -> list[str]:
    return [] if run.passed else [*run.texts(1), "not every vector came through"][:1]


def _reason(trial: Trial) -> str:
    """Written by hand: [[reason]] with design, before, after, why."""
    known = tomllib.loads(REASONS.read_text()).get("reason", [])
    same = (r for r in known if (r["design"], r["before"], r["after"]) == (trial.design, trial.before, trial.after))
    return next((str(r["why"]) for r in same), "")


def kept(file: Path) -> list[Trial]:
    """Trials in a file of JSON lines; a line that was cut short is left out."""
    if not file.exists():
        return []
    lines = [line for line in file.read_text().splitlines() if re.fullmatch(r"\{.*\}", line)]
    return [Trial(**json.loads(line)) for line in lines]


def keep(file: Path, trial: Trial) -> None:
    with file.open("a") as out:
        out.write(json.dumps(asdict(trial)) + "\n")
