"""What is shown while a build runs: on a terminal, in a notebook, and nowhere else."""

from __future__ import annotations

import codecs
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fpga_ml import progress
from fpga_ml.progress import STAGES, Work

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Kept:
    """A watcher that keeps the state of each stage when it ended."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.works: dict[str, Work] = {}
        self.said: list[str] = []

    def plan(self, stages: Any) -> None:
        self.stages = list(stages)

    def say(self, text: str) -> None:
        self.said.append(text)

    @progress.contextmanager
    def stage(self, name: str) -> Any:
        self.works[name] = Work(name, 1, 1)
        yield self.works[name]


def test_a_line_says_all_of_a_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    work = Work("cosim", 5, 9)
    assert work.text() == "stage 5 of 9 · co-simulation · 0:00"
    work.doing("Icarus, gaps")
    work.expect(100, "vectors")
    work.expect(7, "vectors")
    work.done(43, "vectors")
    now[0] += 21
    assert work.text() == "stage 5 of 9 · co-simulation, Icarus, gaps · 43 of 107 vectors · 0:21 · about 0:31 left"
    assert work.text(80) == "stage 5 of 9 · co-simulation · 43 of 107 vectors · 0:21 · about 0:31 left"
    work.done(64, "vectors")
    assert work.text() == "stage 5 of 9 · co-simulation, Icarus, gaps · 107 of 107 vectors · 0:21"


def test_whoever_works_is_counted() -> None:
    kept = Kept()
    with progress.stage(kept, "lower"):
        assert list(progress.each([1, 2, 3], "layers")) == [1, 2, 3]
    assert kept.works["lower"].counts == {"layers": [3, 3]}
    progress.done(1, "layers")  # outside of any stage: of no one
    assert kept.works["lower"].counts == {"layers": [3, 3]}


def test_every_stage_of_a_build_counts(tmp_path: Path) -> None:
    from zoo import ZOO, samples

    import fpga_ml

    kept, model = Kept(), ZOO["skip_6bit"]()
    fpga_ml.compile(model, data=samples(model), output=tmp_path / "p", vectors=50, progress=kept)
    assert kept.stages == [name for name in STAGES if name not in ("clock", "synth")]
    assert set(kept.works) == set(kept.stages)
    for name in ("quantise", "csim", "emulate", "lower", "build rtl", "cosim"):
        counts = kept.works[name].counts
        assert counts, name
        for unit, (done, total) in counts.items():
            assert done > 0, (name, unit)
            assert done == total or (total == 0 and unit in ("functions", "samples in Keras")), (name, unit)


def test_a_long_build_says_what_could_be_left_out(tmp_path: Path) -> None:
    import keras

    import fpga_ml

    for units, said in ((2, 0), (100, 1)):
        kept, model = Kept(), keras.Sequential([keras.Input((units,)), keras.layers.Dense(units)])
        with pytest.raises(RuntimeError):
            fpga_ml.compile(model, output=tmp_path / "p", vectors=5, progress=Stops(kept))
        assert len(kept.said) == said
        assert all("--until emulate leaves it out" in text for text in kept.said)


class Stops:
    """A watcher that ends the build where the project would be written."""

    def __init__(self, kept: Kept) -> None:
        self.plan, self.say, self.kept = kept.plan, kept.say, kept

    def stage(self, name: str) -> Any:
        if name == "write":
            raise RuntimeError
        return self.kept.stage(name)


SCRIPT = """\
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import time
from fpga_ml import progress
with progress.watching({asked}) as watcher:
    with progress.stage(watcher, "csim"):
        for _ in progress.each(range(4), "samples"):
            time.sleep(0.2)
print("result")
"""


def chunks(process: subprocess.Popen[bytes], ours: int) -> Iterator[str]:
    """What a program writes to its terminal, as it comes; ours: the other end."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    while process.poll() is None:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                yield decoder.decode(os.read(ours, 65536))
            except OSError:
                return


def drawn(command: list[str], **more: str) -> str:
    """What a program draws on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "80", "TERM": "xterm", **more}
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = "".join(chunks(process, ours))
        assert process.stdout is not None
        assert process.stdout.read() == b"result\n"
        assert process.wait() == 0
    os.close(ours)
    return ANSI.sub("", seen)


def test_on_a_terminal_and_not_when_quiet() -> None:
    seen = drawn([sys.executable, "-c", SCRIPT.format(asked=True)])
    counts = [int(n) for n in re.findall(r"C-simulation · (\d) of 4 samples", seen)]
    assert counts == sorted(counts)
    assert len(set(counts)) >= 3
    assert drawn([sys.executable, "-c", SCRIPT.format(asked=False)]) == ""


CLOCK = re.compile(r"(about )?\d+:\d\d( left)?")
MOST_S = 5.0  # without a count that goes on, in a stage that takes longer


def gaps_s(command: list[str], folder: Path) -> dict[str, float]:
    """{stage: the longest time on a terminal in which none of its counts went on}, of a build."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "150", "TERM": "xterm", "XDG_CACHE_HOME": str(folder / "cache")}
    last: dict[str, tuple[list[str], float]] = {}
    longest: dict[str, float] = {}
    with subprocess.Popen(command, stdin=theirs, stdout=subprocess.DEVNULL, stderr=theirs, env=environment) as process:
        os.close(theirs)
        rest = ""
        for chunk in chunks(process, ours):
            rest += ANSI.sub("", chunk)
            *lines, rest = re.split(r"[\r\n]+", rest)
            now = time.monotonic()
            for place, text in re.findall(r"(stage \d+ of \d+) · (.*)", "\n".join(lines)):
                counts = [part for part in text.split(" · ")[1:] if not CLOCK.fullmatch(part.strip())]
                before, since = last.get(place, ([], now))
                longest[place] = max(longest.get(place, 0.0), now - since)
                if counts != before or place not in last:
                    last[place] = counts, now
        assert process.wait() == 0
    os.close(ours)
    return longest


@pytest.mark.slow
def test_a_count_goes_on_in_every_long_stage_of_a_stream(tmp_path: Path) -> None:
    """Nothing that was compiled before helps. Two tests at a time share the cores: each gets half of them."""
    command = [sys.executable, "-m", "fpga_ml", "compile", "models/jet_cnn", "--arch", "stream", "-o", str(tmp_path / "p")]
    found = gaps_s(command, tmp_path)
    assert len(found) > 8
    alone = "PYTEST_XDIST_WORKER" not in os.environ
    assert {place: s for place, s in found.items() if s > MOST_S * (1 if alone else 2)} == {}


def test_nothing_is_drawn_elsewhere() -> None:
    command = [sys.executable, "-c", SCRIPT.format(asked=True)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("result\n", "")


def test_in_a_notebook(tmp_path: Path) -> None:
    """One display, which is redrawn, without any widget; when quiet none."""
    import nbformat
    from nbclient import NotebookClient

    for asked, shown in ((True, ["0 stages in 0:0"]), (False, [])):
        script = SCRIPT.format(asked=asked)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(script)])
        NotebookClient(
            notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
        drawn = [o["data"]["text/plain"][:15] for o in notebook.cells[0].outputs if o.output_type == "display_data"]
        assert drawn == shown
