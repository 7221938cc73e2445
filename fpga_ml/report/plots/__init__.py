"""Plots as inline SVG: small, searchable, coloured by the page's style sheet, so that they follow light, dark and print.

Every curve carries data-json, the JSON pointer of what it shows; ticks carry data-x or data-y, the value that they stand at.
"""

from fpga_ml.report.plots.hardware import timeline, waves
from fpga_ml.report.plots.network import costs, network
from fpga_ml.report.plots.outputs import histogram, panels, roc
from fpga_ml.report.plots.types import spreads

__all__ = ["costs", "histogram", "network", "panels", "roc", "spreads", "timeline", "waves"]
