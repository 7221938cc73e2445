"""What simulates the RTL of a test that is not about simulators: Icarus, which sees X; under `make test-all` both."""

from __future__ import annotations

import os

BOTH = ("verilator", "icarus")
USUAL = BOTH if os.environ.get("EVERY_SIMULATOR") else ("icarus",)
