"""The tools that a build will call, looked for before it begins."""

from __future__ import annotations

from collections.abc import Collection

from fpga_ml.devices import Family
from fpga_ml.toolchain import cocotb_setup, icarus, verilator
from fpga_ml.toolchain.find import compiler
from fpga_ml.toolchain.nextpnr import nextpnr_version
from fpga_ml.toolchain.yosys import yosys_version


def check_tools(stages: Collection[str], simulators: Collection[str], families: Collection[Family]) -> None:
    """Raise FpgaMlError for the first that is missing or too old. stages: that will run; simulators: of RTL; families: of
    devices on which it is placed."""
    if "csim" in stages:
        compiler()
    if "cosim" in stages:
        cocotb_setup.find()
        for name, find in (("verilator", verilator.find), ("icarus", icarus.find)):
            if name in simulators:
                find()
    if "synth" in stages:
        yosys_version()
        for family in families:
            nextpnr_version(family)
