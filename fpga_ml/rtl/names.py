"""Names that every tool accepts."""

from __future__ import annotations

import re

from fpga_ml.errors import FpgaMlError

# IEEE 1800-2017, annex B
_KEYWORDS = """
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
# of C++, into which Verilator translates
_CPP = """
    asm auto bool catch char delete double explicit export float friend goto inline long mutable namespace operator
    private public register short sizeof switch template throw true false try typename volatile wchar_t
"""
KEYWORDS = frozenset((_KEYWORDS + _CPP).split())


def identifier(name: str) -> str:
    """The name with what SystemVerilog does not allow replaced by '_'; a keyword gets one behind it."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    word = word if re.match(r"[A-Za-z_]", word) else f"_{word}"
    return f"{word}_" if word in KEYWORDS else word


class Names:
    """The names of one module, each once."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._taken: set[str] = set()

    def port(self, name: str) -> str:
        """A name that must be as it is; raises if it is taken."""
        word = identifier(name)
        if word in self._taken:
            raise FpgaMlError(
                f"two ports or signals would be called '{word}'",
                where=f"module '{self._module}'",
                do="rename one of the layers or tensors",
            )
        self._taken.add(word)
        return word

    def free(self, name: str) -> str:
        """The name, with '_' behind it as often as it takes to be new."""
        word = identifier(name)
        while word in self._taken:
            word += "_"
        self._taken.add(word)
        return word
