"""C++ with which values cross as their bits where a double does not hold them (see hls/words.py)."""

from __future__ import annotations

from typing import Any

from fpga_ml.backends import OURS
from fpga_ml.errors import FpgaMlError
from fpga_ml.hls.words import DOUBLE_BITS, CppPort
from fpga_ml.numerics import FixedType

WORDS = """\
namespace words {
// A value as its bits, 32 at a time, the lowest first: each a whole number in a double.
template <class T> void split(T value, double *to) {
    ap_uint<T::width> bits = value.range(T::width - 1, 0);
    for (int k = 0; 32 * k < T::width; k++) {
        ap_uint<32> word = bits >> (32 * k);
        to[k] = word.to_uint();
    }
}
template <class T> T joined(const double *from) {
    ap_uint<T::width> bits = 0;
    for (int k = 0; 32 * k < T::width; k++)
        bits |= ap_uint<T::width>((unsigned)from[k]) << (32 * k);
    T value;
    value.range(T::width - 1, 0) = bits;
    return value;
}
template <class T> constexpr int count() { return (T::width + 31) / 32; }

template <class T, int SIZE> void read(const double *from, T *to) {
    for (int i = 0; i < SIZE; i++)
        to[i] = joined<T>(from + i * count<T>());
}
template <class T, int SIZE> void write(T *from, double *to) {
    for (int i = 0; i < SIZE; i++)
        split(from[i], to + i * count<T>());
}
template <class T, int SIZE> void read(const double *from, hls::stream<T> &to) {
    typedef typename T::value_type value_t;
    for (unsigned i = 0; i < SIZE / T::size; i++) {
        T beat;
        for (unsigned j = 0; j < T::size; j++)
            beat[j] = joined<value_t>(from + (i * T::size + j) * count<value_t>());
        to.write(beat);
    }
}
template <class T, int SIZE> void write(hls::stream<T> &from, double *to) {
    typedef typename T::value_type value_t;
    for (unsigned i = 0; i < SIZE / T::size; i++) {
        T beat = from.read();
        for (unsigned j = 0; j < T::size; j++)
            split(beat[j], to + (i * T::size + j) * count<value_t>());
    }
}
} // namespace words
"""

_BRIDGE = """

// Written by fpga_ml: as {top}_double, but that values wider than a double cross as their bits.
{words}
extern "C" void {top}_words({arguments}) {{
{body}
}}
"""


def ports_of(graph: Any) -> tuple[tuple[CppPort, ...], tuple[CppPort, ...]]:
    """The inputs and the outputs of an hls4ml graph. Words cross in ap_types alone: other vendors' values are doubles."""
    ap_types = graph.config.backend.name in OURS
    inputs, outputs = graph.get_input_variables(), graph.get_output_variables()
    return tuple(_port(v, ap_types) for v in inputs), tuple(_port(v, ap_types) for v in outputs)


def _port(variable: Any, ap_types: bool = True) -> CppPort:
    try:
        t = FixedType.parse(str(variable.type.precision))
    except FpgaMlError:
        t = None  # another vendor's spelling
    return CppPort(tuple(int(d) for d in variable.shape), t, t is not None and t.width > DOUBLE_BITS and ap_types)


def doubles(variable: Any) -> int:
    """How many a sample of a port is."""
    return int(variable.size()) * max(_port(variable).words, 1)


def reading(variable: Any, source: str, name: str) -> str:
    """A statement that fills a C++ variable of a port from doubles."""
    t, size = variable.type.name, variable.size_cpp()
    return (
        f"words::read<{t}, {size}>({source}, {name});"
        if _port(variable).words
        else f"nnet::convert_data<double, {t}, {size}>({source}, {name});"
    )


def writing(variable: Any, name: str, target: str) -> str:
    """A statement that writes a C++ variable of a port to doubles."""
    t, size = variable.type.name, variable.size_cpp()
    return (
        f"words::write<{t}, {size}>({name}, {target});"
        if _port(variable).words
        else f"nnet::convert_data<{t}, double, {size}>({name}, {target});"
    )


def bridge(graph: Any) -> str:
    """What is put behind hls4ml's bridge of a graph with wide ports: a function that takes their words."""
    inputs, outputs = graph.get_input_variables(), graph.get_output_variables()
    top = graph.config.get_project_name()
    brams = [w.name for w in graph.get_weight_variables() if w.storage.lower() == "bram"]
    body = []
    for v in inputs:
        body += [f"{v.definition_cpp(name_suffix='_ap')};", reading(v, v.name, f"{v.name}_ap")]
    body += [f"{v.definition_cpp(name_suffix='_ap')};" for v in outputs]
    body.append(f"{top}({', '.join([f'{v.name}_ap' for v in [*inputs, *outputs]] + brams)});")
    body += [writing(v, f"{v.name}_ap", v.name) for v in outputs]
    return _BRIDGE.format(
        top=top,
        words=WORDS,
        arguments=", ".join(f"double *{v.name}" for v in [*inputs, *outputs]),
        body="\n".join(f"    {line}" for line in body),
    )


def is_wide(graph: Any) -> bool:
    """Whether a port of the graph is wider than a double."""
    return any(p.wide for ports in ports_of(graph) for p in ports)
