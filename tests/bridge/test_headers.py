"""Our C++ for HLS holds to what a vendor's compiler takes: no vendor's tool is here to complain.

The headers are read as text: comments go, blocks are matched by their braces, functions and loops are known by what is
before a block.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import fpga_ml.bridge

HEADERS = {path.name: path.read_text() for path in Path(str(fpga_ml.bridge.__file__)).parent.glob("nnet_*.h")}
FORBIDDEN = {
    "heap": r"\b(?:new|delete|malloc|calloc|realloc|free|alloca)\b",
    "exceptions": r"\b(?:throw|try|catch)\b",
    "virtual functions": r"\b(?:virtual|override|dynamic_cast|typeid)\b",
    "library containers": r"\bstd\s*::\s*\w+",
    "jumps": r"\b(?:goto|setjmp|longjmp)\b",
}
ALLOWED_INCLUDES = re.compile(r"nnet_\w+\.h|hls_stream\.h|hls_math\.h|ap_(?:int|fixed)\.h|math\.h|cmath")
LOOP = re.compile(r"\b(?:for|while)\s*\(")


@dataclass(frozen=True)
class Block:
    """What is between two braces, what is before it since the last statement, and the heads of the blocks around it."""

    head: str
    body: str
    around: tuple[Block, ...]

    @property
    def own(self) -> str:
        """Without the blocks inside."""
        return self.body.split("{")[0]

    @property
    def is_loop(self) -> bool:
        return bool(LOOP.match(self.head))

    @property
    def name(self) -> str | None:
        """Of a function, with its namespaces and structs."""
        found = re.search(r"(\w+)\s*\([^;]*\)\s*(?:const)?$", self.head, re.DOTALL)
        if self.is_loop or not found or found[1] in ("if", "switch"):
            return None
        scopes = [re.search(r"\b(?:namespace|struct|class) (\w+)", block.head) for block in self.around]
        return "::".join([*(s[1] for s in scopes if s), found[1]])


def blocks(text: str) -> Iterator[Block]:
    """Every block of a header, those inside others before them."""
    code = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    opened: list[tuple[int, int]] = []
    boundary = depth = 0
    for k, c in enumerate(code):
        depth += {"(": 1, ")": -1}.get(c, 0)
        if c == "{":
            opened.append((boundary, k))
        elif c == "}":
            spans = [*opened]
            opened.pop()
            yield _block(code, spans, k)
        if c in "{};" and depth == 0:
            boundary = k + 1
    assert not opened, "a brace is not closed"


def _block(code: str, spans: list[tuple[int, int]], end: int) -> Block:
    """The last of the blocks that are open, which ends here."""
    around: tuple[Block, ...] = ()
    for start, brace in spans:
        head = re.sub(
            r"#[^\n]*\n|PRAGMA_DATA_PACK\(\w+\)|\b\w+:\s(?=\s*(?:for|while)\b)|\btemplate\s*<[^{}]*?>\s*(?=\w+"
            r" |\w+\n|struct|class|static|void)",
            " ",
            code[start:brace],
        )
        around = (*around, Block(head.strip(), code[brace + 1 : end], around))
    return around[-1]


def recursive(texts: list[str]) -> list[str]:
    """Functions that reach themselves by calls."""
    bodies: dict[str, str] = {}
    for block in (b for text in texts for b in blocks(text) if b.name):
        bodies[str(block.name)] = bodies.get(str(block.name), "") + block.body

    def called(caller: str) -> set[str]:
        names = re.findall(r"(?<![.\w:])([A-Za-z_][\w:]*)\s*(?:<[^;{}()]*>)?\s*\(", bodies[caller])
        scopes = caller.split("::")[:-1]
        nearest = ["::".join([*scopes[:n], ""]) for n in range(len(scopes), -1, -1)]
        return {next((s + name for s in nearest if s + name in bodies), "") for name in names} - {""}

    calls = {name: called(name) for name in bodies}
    reached = {name: set(found) for name, found in calls.items()}
    for _ in calls:
        reached = {name: found.union(*(calls[k] for k in found)) for name, found in reached.items()}
    return [name for name, found in reached.items() if name in found]


def bare_loops(text: str) -> list[str]:
    """Heads of innermost loops without PIPELINE or UNROLL in no block that is pipelined, and of those without braces."""
    found = []
    for block in (b for b in blocks(text) if b.is_loop and not LOOP.search(b.body)):
        pipelined = any("#pragma HLS PIPELINE" in b.own for b in (block, *block.around))
        if not pipelined and "#pragma HLS UNROLL" not in block.own:
            found.append(block.head)
    loops = sum(b.is_loop for b in blocks(text))
    written = len(LOOP.findall(re.sub(r"//[^\n]*", "", text)))
    return found if loops == written else [*found, f"{written - loops} loops without braces"]


def faults(text: str) -> list[str]:
    """What a header has that it must not."""
    code = re.sub(r"//[^\n]*", "", text)
    found = [what for what, pattern in FORBIDDEN.items() if re.search(pattern, code)]
    found += [
        f"include of {name}"
        for name in re.findall(r"#include\s+[<\"]([^>\"]+)", code)
        if not ALLOWED_INCLUDES.fullmatch(name)
    ]
    return [*found, *(f"loop: {head}" for head in bare_loops(text))]


def test_all_headers_are_read() -> None:
    assert {"nnet_table.h", "nnet_framed.h", "nnet_recurrent_more.h", "nnet_celeste.h"} <= set(HEADERS)
    names = {block.name for text in HEADERS.values() for block in blocks(text)}
    assert {
        "nnet::table_value",
        "nnet::activation::table::activation",
        "nnet::framed::relu6",
        "nnet::gru_cell::step",
    } <= names


@pytest.mark.parametrize("name", HEADERS)
def test_what_hls_takes(name: str) -> None:
    assert faults(HEADERS[name]) == []


def test_no_recursion() -> None:
    assert recursive(list(HEADERS.values())) == []


@pytest.mark.parametrize("name", HEADERS)
def test_guards_and_namespace(name: str) -> None:
    guard = name.upper().replace(".", "_") + "_"
    assert f"#ifndef {guard}\n#define {guard}\n" in HEADERS[name]
    assert all("nnet" in (block.name or "nnet") for block in blocks(HEADERS[name]))


GOOD = """
namespace nnet {
template <class T> T twice(T x[4]) {
    T sum = 0;
    for (int i = 0; i < 4; i++) {
        #pragma HLS UNROLL
        sum += x[i];
    }
    return helper(sum);
}
struct cell {
    static int step(hls::stream<int> &in) { return in.step() + nnet::twice<int>(in); }
};
}
"""
PLANTED = {
    "new": ("T sum = 0;", "T *sum = new T(0);", "heap"),
    "malloc": ("T sum = 0;", "T *sum = (T *)malloc(4);", "heap"),
    "vector": ("T sum = 0;", "std::vector<T> sum;", "library containers"),
    "throw": ("T sum = 0;", "if (!x) throw 1; T sum = 0;", "exceptions"),
    "virtual": ("static int step", "virtual int step", "virtual functions"),
    "include": ("\nnamespace", "\n#include <vector>\nnamespace", "include of vector"),
    "no pragma": ("        #pragma HLS UNROLL\n", "", "loop: for (int i = 0; i < 4; i++)"),
    "no braces": ("return helper", "while (sum < 9) sum++; return helper", "loop: 1 loops without braces"),
}


@pytest.mark.parametrize("fault", PLANTED)
def test_planted_faults(fault: str) -> None:
    """Words in comments are none."""
    assert faults(GOOD + "// new std::vector, for (;;) throw\n") == []
    old, new, what = PLANTED[fault]
    assert old in GOOD
    assert faults(GOOD.replace(old, new, 1)) == [what]


def test_planted_recursion() -> None:
    """By itself, and around a corner; a member of another object of the same name is none."""
    assert recursive([GOOD]) == []
    assert recursive([GOOD.replace("helper(sum)", "twice<T>(x)")]) == ["nnet::twice"]
    corner = "namespace nnet { int helper(int s) { return nnet::twice<int>(&s); } }"
    assert set(recursive([GOOD, corner])) == {"nnet::twice", "nnet::helper"}
