"""From the names that users give to identifiers that C++, SystemVerilog, hls4ml and file systems take, and back.

A name that is such an identifier stays as it is. Any other becomes what is readable of it and a mark, `_id` with digits of
its hash: two names never share an identifier. Identifiers are given where a model is read, names are put back where a person
reads; no stage between needs to know.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

from fpga_ml.errors import FpgaMlError

# IEEE 1800-2017, annex B
_SYSTEMVERILOG = """
    accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind bins
    binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const
    constraint context continue cover covergroup coverpoint cross deassign default defparam design disable dist do edge
    else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface endmodule
    endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event eventually expect
    export extends extern final first_match for force foreach forever fork forkjoin function generate genvar global
    highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include initial inout input
    inside instance int integer interconnect interface intersect join join_any join_none large let liblist library local
    localparam logic longint macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
    noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive priority program
    property protected pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase
    randsequence rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1
    s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled signed small
    soft solve specify specparam static string strong strong0 strong1 struct super supply0 supply1 sync_accept_on
    sync_reject_on table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand
    trior trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void
    wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""
# ISO C++20, 5.11 and 5.12, without those above
_CPP = """
    alignas alignof and_eq asm auto bitand bitor bool catch char char8_t char16_t char32_t co_await co_return co_yield compl
    concept const_cast consteval constexpr constinit decltype delete double dynamic_cast explicit false float friend goto
    inline long mutable namespace noexcept not_eq nullptr operator or_eq override private public register reinterpret_cast
    requires short sizeof static_assert static_cast switch template thread_local throw true try typeid typename using
    volatile wchar_t xor_eq
"""
KEYWORDS = frozenset((_SYSTEMVERILOG + _CPP).split())
# Ports and signals of our RTL; what hls4ml 1.3.0 gives names of its own (its UniqueName holds the letters of `input`); names
# X of which X_t is a type of the C library or of nnet_utils, or begins one: a layer's types are called NAME_t,
# NAME_result_t, ...
_OURS = "clk rst start done busy go token result given held pipeline flight fifo unit step fold model"
_HLS4ML = "i n p u t inputs outputs input1 output1 model_default weights layer config"
_TYPES = """
    above accum aggr aggregator_distance aggregator_distance_biases aggregator_distance_weights base bias biases blkcnt
    blkcnt64 blksize bound caddr char16 char32 chi clock clockid comparison_fn cpu_set current_layer daddr data dev
    deviance dims distance div double edge edge_weight edge_weight_aggr element embeddings error exp exp_table exponent
    femode fenv fexcept first_layer float fpos fpos64 fsblkcnt fsblkcnt64 fsfilcnt fsfilcnt64 fsid gid id idx index ino
    ino64 inp inp_norm input input_transform input_transform_biases input_transform_weights int16 int32 int64 int8
    intmax intptr inv inv_inp inv_table key last_layer ldiv lldiv locale loff mantissa max_align mbstate mode next_layer
    nlink norm nullptr off off64 opr output output_transform output_transform_biases output_transform_weights pid place
    power prev_layer product ptrdiff quad rate ratio raw recurrent recurrent_bias recurrent_weight register res residual
    rounded rounded_rate scale scaled selu_const shifted sigset size slope ssize sublayer sum suseconds table threshold
    time timer total u_int16 u_int32 u_int64 u_int8 u_quad uid uint16 uint32 uint64 uint8 uintmax uintptr useconds value
    w wchar weighed weight wint
"""
_RESERVED = KEYWORDS | frozenset(f"{_OURS} {_HLS4ML} {_TYPES}".split())
_RESERVED_SHAPES = re.compile(r"layer\d+(_.*)?|ap_.*|ac_.*|u?int(_fast|_least)?\d+|pthread.*")
# What hls4ml puts before the name of a layer.
_BEFORE = re.compile(r"((clone|repack|bn|bnbt|broadcast|zp1d|zp2d|compressed|exponent)_)+")
# Names of inputs and projects stand in the C++ as they are: as variables, functions, files. Macros of the C library that
# have small letters, its variables, namespaces, what hls4ml's and our own C++ declare beside them; the rest are macros.
_WORDS = """
    alloca assert assert_perror errno linux unix issubnormal math_errhandling offsetof stderr stdin stdout strdupa
    strndupa be16toh be32toh be64toh htobe16 htobe32 htobe64 htole16 htole32 htole64 le16toh le32toh le64toh
    sched_priority main std nnet hls sycl environ signgam timezone daylight tzname optarg optind opterr optopt
    program_invocation_name program_invocation_short_name defines parameters loaded_weights trace_enabled trace_outputs
    trace_type_size trace_data board fpga_ml_shell in expected got log samples wrong line words values value file read_line
"""
_VARIABLES = frozenset(_WORDS.split())
_VARIABLE_SHAPES = re.compile(
    r"[^a-z]+|.*_t|(\w+_)?config\d+(_\w+)?|(w|b|s|a|e|d|p|z|t|th|tl|wr|br)(_[a-z]_)?\d+|M_\w+|L_\w+|P_\w+"
)
_PLAIN = re.compile(r"[A-Za-z]([A-Za-z0-9_]*[A-Za-z0-9])?", re.ASCII)
_MARK = re.compile(r"_id[0-9a-f]{8}")
_LONGEST, _READABLE, _LONGEST_FILE = 60, 40, 200
_DIGITS = 8
# Of a report: what lies on disk is called by identifiers.
_AS_IT_IS = frozenset({"files", "identifier", "names", "logs", "command", "origin"})


def identifier(name: str) -> str:
    """Of a name that stands for itself."""
    return name if _stays(name) and _stays_variable(name) else marked(name)


def top_name(project: str, inputs: Collection[str]) -> str:
    """Of a project's C++ function and RTL module; inputs: its arguments' identifiers, none of which it may have."""
    word = identifier(project)
    return marked(project) if word in inputs else word


def folder_name(name: str) -> str:
    """Of a name that is to be a folder's, in the folder where it is put."""
    fits = name.isprintable() and "/" not in name and not name.startswith((".", "-")) and len(name.encode()) <= _LONGEST_FILE
    return name if fits and name else marked(name)


def marked(name: str, digits: int = _DIGITS) -> str:
    """What is readable of a name, and digits of its hash."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    readable = _MARK.sub("", re.sub(r"[\W_]+", "_", plain)).strip("_")[:_READABLE].rstrip("_") or "name"
    readable = readable if readable[0].isalpha() else f"n{readable}"
    return f"{readable}_id{hashlib.sha256(name.encode(errors='surrogatepass')).hexdigest()[:digits]}"


def _stays(name: str) -> bool:
    return (
        len(name) <= _LONGEST
        and _PLAIN.fullmatch(name) is not None
        and "__" not in name
        and name not in _RESERVED
        and _RESERVED_SHAPES.fullmatch(name) is None
        and _MARK.search(name) is None
    )


def _stays_variable(name: str) -> bool:
    return name not in _VARIABLES and _VARIABLE_SHAPES.fullmatch(name) is None


@dataclass(frozen=True)
class Naming:
    """names: {identifier: the user's name} of a model's layers and inputs, of those that differ."""

    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, names: Sequence[str], variables: Collection[str] = (), repeated: Collection[str] = ()) -> Naming:
        """names: all of a model; variables: those of its inputs; repeated: of layers that are called more than once.

        hls4ml and our stages call what they make of a layer NAME_relu, NAME_round, NAME_1 and so on, and hls4ml takes large
        letters for small ones: a name that may be such a one of another's is no identifier either.
        """
        every = list(dict.fromkeys(names))
        small, several = {n.lower() for n in every}, {n.lower() for n in repeated}
        taken: set[str] = set()
        differ = []
        for name in every:
            stays = _stays(name) and (name not in variables or _stays_variable(name)) and name.lower() not in taken
            if stays and not any(_derives(name.lower(), small, several)):
                taken.add(name.lower())
            else:
                differ.append(name)
        digits = _DIGITS
        while len({marked(n, digits).lower() for n in differ}) < len(differ):
            digits += 4
        return cls({marked(n, digits): n for n in differ})

    def identifier(self, name: str) -> str:
        """Of one of the model's names."""
        return self._identifiers.get(name, name)

    def shown(self, value: Any) -> Any:
        """A text, or what a report is made of, with the users' names in place of identifiers, those of what was made of a
        layer too."""
        if isinstance(value, str):
            return self._pattern.sub(lambda found: self.names[found[0]], value) if self.names else value
        if isinstance(value, dict):
            return {self.shown(k): v if k in _AS_IT_IS else self.shown(v) for k, v in value.items()}
        return [self.shown(v) for v in value] if isinstance(value, (list, tuple)) else value

    def told(self) -> str:
        """A comment in C++ or SystemVerilog that says what identifiers stand for; '' where every name is one."""
        rows = [f"//   {word}: {json.dumps(name)}\n" for word, name in self.names.items()]
        return f"// Names that are no identifiers:\n{''.join(rows)}\n" if rows else ""

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Errors tell the users' names."""
        try:
            yield
        except FpgaMlError as error:
            if not self.names:
                raise
            what, where, do = (self.shown(text) for text in (error.what, error.where, error.do))
            raise FpgaMlError(what, where=where, do=do) from error

    @cached_property
    def _identifiers(self) -> dict[str, str]:
        return {name: word for word, name in self.names.items()}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"(?<!\w)({'|'.join(sorted(map(re.escape, self.names), key=len, reverse=True))})(?![0-9a-f])")


def _derives(name: str, others: Collection[str], several: Collection[str]) -> Iterator[bool]:
    """For each part of a name that is another's: whether something made of that one may have this name."""
    before = _BEFORE.match(name)
    if before:
        yield name[before.end() :] in others
        yield from _derives(name[before.end() :], others, several)
    for place in (m.start() for m in re.finditer("_", name)):
        if name[:place] in others:
            numbered = re.match(r"_\d+(_|$)", name[place:]) is not None
            yield not numbered or name[:place] in several
