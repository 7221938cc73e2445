"""HGQ2 beside the environment's packages: where it lies, what Python finds of it, and how it gets there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from fpga_ml.cli import main
from fpga_ml.errors import FpgaMlError
from fpga_ml.toolchain import beside, find, hgq2

FOUND = """
import importlib.util, sys
from pathlib import Path
from fpga_ml.toolchain import beside
sys.prefix = sys.argv[1]
beside.expose()
beside.expose()
if "alone" in sys.argv:  # without the packages of the environment, which has quantizers for hls4ml
    sys.path = [place for place in sys.path if not Path(place, "quantizers").exists()]
for name in ("hgq", "hgq.layers", "quantizers", "qkeras", "other"):
    spec = importlib.util.find_spec(name)
    print(name, "-" if spec is None else Path(spec.origin).is_relative_to(sys.prefix))
"""


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of an environment without HGQ2, and of a user who has none either."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "prefix"


def put(folder: Path, *packages: str) -> None:
    for package in packages:
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").touch()


def found(prefix: Path, *before: Path, alone: bool = False) -> list[str]:
    """Of each name in FOUND, whether it lies beside. before: folders in which Python looks first."""
    path = [*map(str, before), *filter(None, sys.path)]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {path!r}\n{FOUND}", str(prefix), *["alone"] * alone]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


def test_python_finds_two_packages_and_no_others(prefix: Path, tmp_path: Path) -> None:
    put(beside.folder(), "hgq", "hgq/layers", "quantizers", "qkeras", "other")
    assert found(prefix, alone=True) == ["hgq True", "hgq.layers True", "quantizers True", "qkeras -", "other -"]
    (tmp_path / "first" / "hgq").mkdir(parents=True)  # no package
    ours = ["hgq True", "hgq.layers True", "quantizers False", "qkeras False", "other -"]
    assert found(prefix, tmp_path / "first") == ours


def test_a_package_of_the_users_comes_first(prefix: Path, tmp_path: Path) -> None:
    put(beside.folder(), "hgq", "hgq/layers", "quantizers")
    put(tmp_path / "first", "hgq", "hgq/layers")
    assert found(prefix, tmp_path / "first")[:2] == ["hgq False", "hgq.layers False"]


def test_where_it_lies(prefix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = beside.folder()
    assert inside.is_relative_to(prefix)
    assert all(version in inside.name for version in beside.PINNED.values())
    monkeypatch.setattr(sys, "prefix", "/dev/null/none")  # cannot be written
    outside = beside.folder()
    assert outside.is_relative_to(tmp_path / "cache")
    put(outside, "hgq", "quantizers")
    monkeypatch.setattr(sys, "prefix", str(prefix))
    assert beside.folder() == outside


def test_what_cannot_be_installed_leaves_nothing(prefix: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "file:///nowhere")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    prefix.mkdir()
    with pytest.raises(FpgaMlError) as refused:
        hgq2.install()
    assert refused.value.what.startswith("pip cannot install hgq2==0.2.0 and quantizers==1.2.2: ")
    assert "No matching distribution found for hgq2==0.2.0" in refused.value.what
    assert refused.value.where == str(beside.folder().parent)
    assert refused.value.do is not None
    assert refused.value.do.endswith(f"--no-deps --target {beside.folder()} hgq2==0.2.0 quantizers==1.2.2")
    assert [file for file in tmp_path.rglob("*") if file.is_file() or "fpga_ml" in file.name] == []


def test_the_command(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs it once; a half of it, which somebody left there, stands in the way."""

    def pip(command: object, **_: object) -> None:
        (target,) = (prefix / "share" / "fpga_ml").glob(".new-*")
        put(target / "packages", "hgq", "quantizers", "hgq2-0.2.0.dist-info")
        (target / "packages" / "hgq2-0.2.0.dist-info" / "METADATA").write_text("Name: hgq2\nVersion: 0.2.0\n")

    monkeypatch.setattr(hgq2, "run", pip)
    command = ["doctor", "--install", "hgq2"]
    put(beside.folder(), "quantizers")
    refused = CliRunner().invoke(main, command)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("error: HGQ2 cannot be installed: Directory not empty\n  where: ")
    (beside.folder() / "quantizers" / "__init__.py").unlink()
    (beside.folder() / "quantizers").rmdir()
    assert CliRunner().invoke(main, command).stdout == f"HGQ2 0.2.0 is installed: {beside.folder()}\n"
    assert CliRunner().invoke(main, command).stdout == f"HGQ2 0.2.0 is there already: {beside.folder()}\n"
    assert [file.name for file in beside.folder().parent.iterdir()] == [beside.folder().name]


def test_doctor_tells_it(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "TOOLS", [tool for tool in find.TOOLS if tool.name == "hgq2"])
    said = " ".join(CliRunner().invoke(main, ["doctor"]).stdout.split())
    assert "missing: hgq2, for models with HGQ2 layers; to get it: fpga-ml doctor --install hgq2" in said
    put(beside.folder(), "hgq", "quantizers", "hgq2-0.2.0.dist-info")
    (beside.folder() / "hgq2-0.2.0.dist-info" / "METADATA").write_text("Name: hgq2\nVersion: 0.2.0\n")
    (there,) = find.find_all()
    assert (there.version, there.path) == ("0.2.0", str(beside.folder()))
    assert "missing" not in CliRunner().invoke(main, ["doctor"]).stdout
