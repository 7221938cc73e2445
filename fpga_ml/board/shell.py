"""The shell: a board's top, from its pins to the ports of a project's RTL.

The hand-written modules are in rtl/; what depends on the model is the top that joins them, written here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files

from fpga_ml.board.interface import Ends, Interface
from fpga_ml.board.lines import Line
from fpga_ml.devices.boards import Leds
from fpga_ml.errors import FpgaMlError
from fpga_ml.rtl.map import packed
from fpga_ml.rtl.names import identifier
from fpga_ml.rtl.signal import Signal
from fpga_ml.rtl.sv import Assign, Comment, Declare, Instance, Item, Module, Net, Port, literal

TOP = "board"
_MODULES = ("board_reset", "board_frames", "board_feeder", "board_taker")


def shell_files(
    interface: Interface, line: Line, leds: Leds, taken: Sequence[str] = (), high: Sequence[str] = ()
) -> Mapping[str, str]:
    """Text by file name, the top last. taken: names of the project's own modules, with which ours must not clash.

    Ports of the top: clk, those of the line, led, and `high`, which are 1.
    """
    modules = (*_MODULES, *line.modules)
    clash = sorted({TOP, *modules} & set(taken))
    if clash:
        raise FpgaMlError(f"the project has a module '{clash[0]}', as the shell", do="compile with another project_name")
    folder = files(__package__).joinpath("rtl")
    made = {f"{name}.sv": folder.joinpath(f"{name}.sv").read_text() for name in modules}
    return made | {f"{TOP}.sv": _top(interface, line, leds, high).text}


def _top(interface: Interface, line: Line, leds: Leds, high: Sequence[str]) -> Module:
    model = _stream(interface) if interface.arch == "stream" else _parallel(interface)
    items = [*_frames(interface, line), *_feeders(interface), *_takers(interface), Comment("the model"), *model]
    pins: list[Item] = [
        Comment("pins"),
        Assign("led", f"{'~' if leds.low else ''}{{{', '.join(name for name, _ in reversed(leds.signals))}}}"),
        *(Assign(name, "1'b1") for name in high),
    ]
    ports = [Port("input", "clk"), *line.ports, Port("output", "led", None if leds.width_bits == 1 else leds.width_bits)]
    ports += [Port("output", name) for name in high]
    return Module(TOP, tuple(ports), [*items, *pins], f"'{interface.top}' behind a line ({line.name}): see docs/board.md.")


def _frames(interface: Interface, line: Line) -> list[Item]:
    """Reset, bytes, frames."""
    sizes = (
        ("SAMPLE_BYTES", interface.sample_bytes),
        ("RESULT_BYTES", interface.result_bytes),
        ("TIMEOUT", line.timeout_cycles),
        ("IDENTITY", literal(int.from_bytes(interface.identity, "little"), 64)),
    )
    ends = ("rx_valid", "rx_data", "rx_broken", "rx_end", "tx_valid", "tx_data", "tx_ready")
    model = ("store", "place", "run", "finished", "fetched", "clear", "running", "status")
    wide = {"rx_data": 8, "tx_data": 8, "place": 16, "fetched": 8, "status": 4}
    return [
        *(Declare(name, wide.get(name)) for name in ("rst", "blink", *ends, *model)),
        Net("model_rst", None, False, "rst | clear"),
        Instance("board_reset", "start", (("clk", "clk"), ("rst", "rst"), ("blink", "blink"))),
        *line.items,
        Instance("board_frames", "frames", tuple((n, n) for n in ("clk", "rst", *ends, *model)), sizes),
    ]


def _feeders(interface: Interface) -> list[Item]:
    """One an input, each with its part of the sample."""
    items: list[Item] = [Comment("inputs: part of the sample's bytes each")]
    low = 0
    for k, e in enumerate(interface.inputs):
        items += [Declare(f"in{k}_{end}", None) for end in ("valid", "last", "ready")]
        items += [
            Declare(f"in{k}_beat", _beat_bits(e)),
            Net(f"in{k}_place", 16, False, f"place - {literal(low, 16)}"),
            Net(f"in{k}_write", None, False, f"store & in{k}_place < {literal(e.size_bytes, 16)}"),
            Instance(
                "board_feeder", f"feeder{k}",
                (("clk", "clk"), ("rst", "model_rst"), ("write", f"in{k}_write"), ("write_place", f"in{k}_place"), ("given", "rx_data"),
                 ("run", "run"), *((end, f"in{k}_{end}") for end in ("valid", "last", "beat", "ready"))),
                (("BEATS", e.beats), ("BEAT_BYTES", e.size_bytes // e.beats)),
            ),
        ]  # fmt: skip
        low += e.size_bytes
    return items


def _takers(interface: Interface) -> list[Item]:
    """One an output; the result is there when all are full."""
    items: list[Item] = [Comment("outputs: part of the result's bytes each")]
    low, chosen = 0, "8'd0"
    for k, e in enumerate(interface.outputs):
        items += [Declare(f"out{k}_{end}", None) for end in ("valid", "ready", "full")]
        items += [
            Declare(f"out{k}_beat", _beat_bits(e)),
            Declare(f"out{k}_byte", 8),
            Net(f"out{k}_place", 16, False, f"place - {literal(low, 16)}"),
            Instance(
                "board_taker", f"taker{k}",
                (("clk", "clk"), ("rst", "model_rst"), ("run", "run"), ("valid", f"out{k}_valid"), ("beat", f"out{k}_beat"),
                 ("ready", f"out{k}_ready"), ("full", f"out{k}_full"), ("read_place", f"out{k}_place"), ("fetched", f"out{k}_byte")),
                (("BEATS", e.beats), ("BEAT_BYTES", e.size_bytes // e.beats)),
            ),
        ]  # fmt: skip
        chosen = f"(out{k}_place < {literal(e.size_bytes, 16)}) ? out{k}_byte : {chosen}"
        low += e.size_bytes
    full = " & ".join(f"out{k}_full" for k in range(len(interface.outputs)))
    return [*items, Assign("fetched", chosen), Assign("finished", full)]


def _stream(interface: Interface) -> list[Item]:
    ports = [("ap_clk", "clk"), ("ap_rst_n", "~model_rst"), ("ap_start", "1'b1")]
    unread = ["ap_done", "ap_ready", "ap_idle", *(["ap_frame_error"] if interface.marked else [])]
    for side, ends in (("in", interface.inputs), ("out", interface.outputs)):
        for k, e in enumerate(ends):
            signals = [("TDATA", "beat"), ("TVALID", "valid"), ("TREADY", "ready")]
            ports += [(identifier(f"{e.name}_{port}"), f"{side}{k}_{signal}") for port, signal in signals]
            if interface.marked:
                last = identifier(f"{e.name}_TLAST")
                ports += [(last, f"in{k}_last")] if side == "in" else []
                unread += [last] if side == "out" else []
    return _model(interface, ports, unread)


def _model(interface: Interface, ports: list[tuple[str, str]], unread: list[str]) -> list[Item]:
    """The instance, with a wire for each output that nothing reads."""
    wires = [(port, f"unread_{port}") for port in unread]
    return [*(Declare(wire, None) for _, wire in wires), Instance(identifier(interface.top), "model", (*ports, *wires))]


def _parallel(interface: Interface) -> list[Item]:
    """All inputs are offered until they are taken together; all outputs come in the cycle of ap_done."""
    valids = [f"in{k}_valid" for k in range(len(interface.inputs))]
    items: list[Item] = [
        Declare("ap_done", None),
        Declare("ap_ready", None),
        Net("ap_start", None, False, " & ".join(valids)),
    ]
    ports = [("ap_clk", "clk"), ("ap_rst", "model_rst"), ("ap_start", "ap_start")]
    ports += [("ap_done", "ap_done"), ("ap_ready", "ap_ready")]
    unread = ["ap_idle"]
    for k, e in enumerate(interface.inputs):
        slot = 8 * e.element_bytes
        parts = [f"in{k}_beat[{slot * i + e.type.width - 1}:{slot * i}]" for i in range(e.elements)]
        name = identifier(e.name)
        ports += [(name, packed(parts)), (f"{name}_ap_vld", "ap_start")]
        items.append(Assign(f"in{k}_ready", "ap_ready"))
    for k, e in enumerate(interface.outputs):
        parts = []
        for i in range(e.elements):
            bits, value = f"out{k}_bits_{i}", Signal(f"out{k}_value_{i}", e.type.width, e.type.signed)
            items += [Declare(bits, e.type.width), Net(value.name, value.width_bits, value.signed, bits)]
            parts.append(value.bits(8 * e.element_bytes))
            name = identifier(f"{e.name}_{i}")
            ports.append((name, bits))
            unread.append(f"{name}_ap_vld")
        items += [Assign(f"out{k}_beat", packed(parts)), Assign(f"out{k}_valid", "ap_done")]
    return [*items, *_model(interface, ports, unread)]


def _beat_bits(e: Ends) -> int:
    return 8 * e.size_bytes // e.beats
