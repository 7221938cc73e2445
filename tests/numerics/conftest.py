import pytest

from .oracle import Oracle


@pytest.fixture(scope="session")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """ap_types compiled once for all tests that ask it."""
    return Oracle(tmp_path_factory.mktemp("ap_types"))
