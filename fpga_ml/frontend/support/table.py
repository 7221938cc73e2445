"""The records as tables: what README, docs/supported.md and `fpga-ml doctor --layers` show."""

from __future__ import annotations

from collections.abc import Iterator

from fpga_ml.frontend.support import RECORDS
from fpga_ml.frontend.support.base import CALLS, SHARED, TRAINING, Option, Record, Verdict
from fpga_ml.frontend.support.qkeras_layers import QKERAS


def rows() -> Iterator[tuple[str, str, str]]:
    """(class, verdict, what is to be said of it and of its options), Keras' first, in the order of the alphabet."""
    for name, record in sorted(RECORDS.items(), key=lambda item: (item[0] in QKERAS, item[0])):
        if record.verdict is Verdict.REFUSED:
            yield name, record.verdict, f"{record.note}: {record.do}"
            continue
        said = [f"becomes {record.note}"] if record.note and not record.note.startswith("nothing") else [record.note]
        yield name, record.verdict, "; ".join(filter(None, [*said, *_options(record, Verdict.REWRITE), *_refused(record)]))


def _options(record: Record, verdict: Verdict) -> Iterator[str]:
    by_note: dict[str, list[str]] = {}
    for name, option in record.options.items():
        if option.verdict is verdict:
            by_note.setdefault(option.note, []).append(f"`{name}`")
    yield from (f"{', '.join(names)}: {note}" for note, names in by_note.items())


def _refused(record: Record) -> Iterator[str]:
    yield from (f"refused: `{name}`{_but(o)}: {o.why}: {o.do}" for name, o in refused_options(record))


def refused_options(record: Record) -> list[tuple[str, Option]]:
    return [(name, o) for name, o in record.options.items() if o.verdict is Verdict.REFUSED]


def _but(option: Option) -> str:
    return f" other than {option.note}" if option.note else ""


def full() -> str:
    """Of every class, in Markdown; behind it what all share."""
    lines = ["| layer | verdict | options |\n", "|---|---|---|\n"]
    lines += [f"| {name} | {verdict} | {_cell(said)} |\n" for name, verdict, said in rows()]
    shared = ["\n| of every layer | |\n", "|---|---|\n"]
    shared += [f"| `{name}` | {_cell(_said(o))} |\n" for name, o in SHARED.items() if _said(o)]
    shared += [
        f"| initialisers, regularisers, constraints, rates of dropout, seeds, momenta, `trainable` | {TRAINING.note} |\n"
    ]
    calls = ["\n| of a call | |\n", "|---|---|\n"]
    calls += [f"| `{name}` | {_cell(_said(o))} |\n" for name, o in CALLS.items()]
    return "".join([*lines, *shared, *calls])


def _said(option: Option) -> str:
    refusal = f"refused{_but(option)}: {option.why}: {option.do}" if option.why else ""
    note = option.note if option.verdict is not Verdict.REFUSED else ""
    return "; ".join(filter(None, (note, refusal)))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def short() -> str:
    """Of classes of which the same is to be said, in Markdown."""
    groups: dict[tuple[str, str], list[str]] = {}
    for name, record in sorted(RECORDS.items(), key=lambda item: (item[0] in QKERAS, item[0])):
        options = ", ".join(f"`{option}`{_but(o)}" for option, o in refused_options(record))
        said = record.do if record.verdict is Verdict.REFUSED else options
        groups.setdefault((record.verdict, said), []).append(name)
    order = {verdict: number for number, verdict in enumerate(Verdict)}
    ordered = sorted(groups.items(), key=lambda item: (order[Verdict(item[0][0])], bool(item[0][1])))
    lines = [f"| {', '.join(names)} | {verdict} | {_cell(said)} |\n" for (verdict, said), names in ordered]
    return "".join(["| layers | verdict | options that do not work; what to do instead |\n", "|---|---|---|\n", *lines])
