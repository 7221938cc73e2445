"""The SystemVerilog in rtl/ gives the raw integers of vectors.json, bit for bit, in every simulator and mode."""

import pytest

from tb import simulated
from tb.cosim_types import MODES, Mode


@pytest.fixture(scope="module", params=simulated.chosen())
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> simulated.Built:
    return simulated.build(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("mode", MODES)
def test_rtl(built: simulated.Built, mode: Mode) -> None:
    assert simulated.faults(built, mode) == []
