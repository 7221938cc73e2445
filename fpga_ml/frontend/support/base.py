"""In which words a record says what becomes of a layer's class and of each argument of its constructor and of its call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Literal

from fpga_ml.activations import GATES
from fpga_ml.frontend.rebuild import Call


class Verdict(StrEnum):
    WORKS = "works"
    REWRITE = "works as a rewrite"
    REFUSED = "refused"


Test = Callable[[Any, Call], bool]  # of an argument's value, and of the call of its layer


def given(value: Any, call: Call) -> bool:
    """Whether it is neither None nor False, or a list of these, as masks of several tensors are."""
    every = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else None
    return value is not None and value is not False if every is None else any(given(v, call) for v in every)


def never(value: Any, call: Call) -> bool:
    return False


def other_than(*values: Any) -> Test:
    """Whether it, or one of its numbers, is none of these."""

    def found(value: Any, call: Call) -> bool:
        every = value if isinstance(value, (list, tuple)) and not isinstance(values[0], (list, tuple)) else [value]
        return any(v not in values for v in every)

    return found


Integers = Literal["", "moved", "made", "computed"]


@dataclass(frozen=True)
class Option:
    """Of one argument.

    note: which values are meant, or what they become; why, do: of a refusal; refuses: whether a value is refused; rewritten:
    whether a value is one that the rewrites take out; shown: what a refusal shows of a layer, by default the value.
    """

    verdict: Verdict = Verdict.WORKS
    note: str = ""
    why: str = ""
    do: str = ""
    refuses: Test = never
    rewritten: Test = never
    shown: Callable[[Any], Any] | None = None


@dataclass(frozen=True)
class Record:
    """Of a class. note: what it becomes, or why it is refused; options: of the constructor, besides those of SHARED; holds:
    attributes that are layers; integers: what it does with integers, where it does not turn them into floats."""

    verdict: Verdict
    note: str = ""
    do: str = ""
    options: Mapping[str, Option] = field(default_factory=dict)
    holds: tuple[str, ...] = ()
    integers: Integers = ""

    def option(self, name: str) -> Option | None:
        """Of an argument of the constructor; None where there is no verdict."""
        known = self.options.get(name) or SHARED.get(name)
        return known or (TRAINING if _TRAINING.fullmatch(name) else None)


def works(note: str = "") -> Option:
    return Option(note=note)


def rewrite(note: str, rewritten: Test = never) -> Option:
    return Option(Verdict.REWRITE, note, rewritten=rewritten)


def refused(why: str, do: str, refuses: Test = given, note: str = "") -> Option:
    return Option(Verdict.REFUSED, note, why, do, refuses)


def layer(names: str = "", note: str = "", /, **more: Any) -> Record:
    """Of a class that works, as a rewrite where a note says as what. names: of options that work as they are; more: other
    options, and fields of the record."""
    fields = {name: more.pop(name) for name in ("holds", "integers") if name in more}
    verdict = Verdict.REWRITE if note else Verdict.WORKS
    return Record(verdict, note, options={**dict.fromkeys(names.split(), works()), **more}, **fields)


def cell(names: str = "", /, **options: Any) -> Record:
    """Of what a recurrent layer holds; alone it is refused."""
    why, do = "alone it computes one step, without its states", "put it into an RNN layer"
    return replace(layer(names, **options), verdict=Verdict.REFUSED, note=why, do=do)


def refused_layer(why: str, do: str) -> Record:
    return Record(Verdict.REFUSED, why, do)


_TRAINING = re.compile(
    r".*_(initializer|regularizer|constraint)|(kernel|bias|depthwise|pointwise|gamma|beta)_range|momentum|renorm(_clipping"
    r"|_momentum)?|synchronized|(recurrent_)?dropout|rate|noise_shape|stddev|l1|l2|seed|trainable|unit_forget_bias"
    r"|power_iterations|ema_freeze_delay|ema_decay|quantization_delay"
)
TRAINING = works("in training only")


def _mode(layer: Any) -> Any:
    return getattr(layer, "quantization_mode", None)


# Whether that is so depends on what a layer reads.
INTEGERS = Option(
    note="float types; values are taken as real numbers",
    why="Keras computes in integers there, which wrap and cut off",
    do="use float types, or a Rescaling(1.0) before it",
)
# Of every class.
SHARED: dict[str, Option] = {
    "name": works(),
    "autocast": works("values are taken as real numbers"),
    "dtype": INTEGERS,
    "quantization_config": Option(
        note="before quantize() is called",
        why="Keras' quantize() was called, after which the layer rounds to a scale of the data of each call",
        do="give the model as it was before quantize(), with bits=8",
        refuses=lambda value, call: _mode(call.layer) is not None,
        shown=_mode,
    ),
    **dict.fromkeys(("rank", "pool_dimensions", "pool_mode"), works("the class sets it")),
}

_NO_MASK = "hardware computes every step"
_MASK = refused(_NO_MASK, "leave the mask out")
# Arguments of a call, of every class; what a call reads besides is data.
CALLS: dict[str, Option] = {
    "training": refused("it acts as in training: at random, or on means of a batch", "leave training out"),
    **dict.fromkeys(("mask", "query_mask", "value_mask", "key_mask", "attention_mask"), _MASK),
    "use_causal_mask": refused(_NO_MASK, "leave use_causal_mask out: every position attends to every other"),
    "return_attention_scores": refused("the scores have no place in the C++", "leave return_attention_scores out"),
    "count_weights": refused("counts have no weights in the C++", "leave count_weights out"),
    "initial_state": rewrite("a second input"),
    "reverse": rewrite("a Dense"),
}

ACTIVATION = works("those of the table of activations, and quantizers")
KERAS_ACTIVATION = works("those of the table of activations")


def _is_no_gate(value: Any, call: Call) -> bool:
    return not hasattr(value, "get_config") and getattr(value, "__name__", "linear") not in GATES


GATE = Option(
    note=f"{', '.join(sorted(GATES))}, and quantizers of them",
    why="it is not one of a cell's in C++",
    do=f"use {', '.join(sorted(GATES))}, or a quantizer of one",
    refuses=_is_no_gate,
)
