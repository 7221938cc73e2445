"""The committed models' figures, computed again from their weights and sample: what figures.json and the cards say."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fpga_ml.errors import FpgaMlError
from fpga_ml.project import Project
from fpga_ml.science import models
from fpga_ml.science.models import Model, classifier, evaluate

EVALUATED = ("celeste", "jet_generator", "jet_regression", "jet_tagger", "jet_tagger_pruned", "w_pivot")
OTHER_BINS = ("jet_cnn_pt100", "jet_cnn_pt500", "jet_cnn_pt1000")
RECURRENT = ("constituent_gru", "constituent_lstm", "deep_kalman")
WITHOUT = {(name, "model.py") for name in ("jet_tagger_pruned", *OTHER_BINS)}  # it is another's
UNTRAINED = ("celeste",)
STAGES = ["float", "quantised", "csim", "emulator"]


@pytest.mark.slow
@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_models(name: str, repository: Path) -> None:
    """Figures as committed; what tables and roundings cost: nothing that the figures' own errors would show."""
    model = models.named(repository / "models", name)
    found = evaluate(model)
    assert found["bit_exact_vs_quantised_model"] is None  # tables from the first layer on
    assert found["emulator_mismatches"] == 0
    assert found["emulator"] == found["csim"]
    for stage in STAGES:
        assert found[stage] == pytest.approx(model.figures[stage], abs=1e-3), stage
    for stage in ("quantised", "csim"):
        if name != "deep_kalman":
            assert abs(found[stage]["auc"] - found["float"]["auc"]) < found["float"]["auc_error"]
            continue
        for state in ("position", "slope", "curvature"):
            assert found[stage][f"{state}_resolution"] < 1.05 * found["float"][f"{state}_resolution"], (stage, state)
            assert 0.9 < found[stage][f"{state}_pull_width"] < 1.1, (stage, state)


@pytest.fixture(scope="module", params=[*EVALUATED, *(pytest.param(n, marks=pytest.mark.slow) for n in OTHER_BINS)])
def evaluated(request: pytest.FixtureRequest, repository: Path) -> tuple[Model, dict[str, Any]]:
    model = models.named(repository / "models", request.param)
    return model, evaluate(model)


def test_figures_are_those_committed(evaluated: tuple[Model, dict[str, Any]]) -> None:
    model, found = evaluated
    assert found["bit_exact_vs_quantised_model"] is True
    assert found["emulator_mismatches"] == 0
    assert [k for k in found if isinstance(found[k], dict)] == STAGES
    for stage in STAGES:
        assert found[stage] == pytest.approx(model.figures[stage], abs=1e-3), stage
    assert found["emulator"] == found["csim"]


def test_hardware_costs_nothing_that_matters(evaluated: tuple[Model, dict[str, Any]]) -> None:
    _, found = evaluated
    floating, csim = found["float"], found["csim"]
    if "ks_mass" in floating:
        assert csim["ks_mass_to_float"] < 0.02
        assert csim["ks_mass"] < 0.1
    elif "value_error" in floating:
        assert csim["value_error"] < 0.3
        assert csim["moment_error"] < 0.01
        assert csim["overflows"] == 0
    elif "auc" in floating:
        assert floating["auc"] - csim["auc"] < 0.005
    else:
        for width in ("pt_width", "mass_width_gev"):
            assert csim[width] == pytest.approx(floating[width], rel=0.05)
        assert abs(csim["pt_bias"]) < 0.01
        assert abs(csim["mass_bias_gev"]) < 2.0


@pytest.mark.parametrize("name", [*EVALUATED, *RECURRENT, "jet_cnn", *OTHER_BINS])
def test_card_holds_the_figures(repository: Path, name: str) -> None:
    """Every figure of the sample's table in the card is that of figures.json."""
    model = models.named(repository / "models", name)
    card = (model.folder / "card.md").read_text()
    header, *rows = [
        [c.strip() for c in line.strip("|\n ").split("|")] for line in marked(card, "figures") if "---" not in line
    ]
    assert rows
    assert set(STAGES) <= {*header[1:]}
    for name, *cells in rows:
        figure = name.strip("`")
        for stage, cell in zip(header[1:], cells, strict=True):
            digits = len(cell.split(".")[1])
            assert float(cell) == pytest.approx(model.figures[stage][figure], abs=0.51 * 10**-digits), (figure, stage)


def comparison(repository: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((repository / "models" / name / "comparison.json").read_text())
    return found


def test_compact_cnn_passes_five_observables(repository: Path) -> None:
    """The hardware is better than a BDT by more than three times the error of the difference, and loses less than 0.002 of
    the float network's AUC."""
    row = comparison(repository, "jet_cnn")["of"]["jet_cnn, quantised"]
    better, error = row["auc_less_bdt"]
    assert better > 3 * error
    assert row["auc_less_float"][0] > -0.002


@pytest.mark.parametrize("name", ["jet_cnn", *OTHER_BINS])
def test_curves_are_those_of_the_aucs(repository: Path, name: str) -> None:
    """The area below the kept points of each curve; and the hardware's AUC is that of training.json, of the first seed."""
    found = comparison(repository, name)
    for row in found["of"].values():
        at = [0.0, *found["quark_efficiency"], 1.0]
        left = np.interp(np.linspace(0, 1, 1001), at, [0.0, *row["gluon_efficiency"], 1.0])
        assert 1 - left.mean() == pytest.approx(row["auc"], abs=4e-3)
    trained = json.loads((repository / "models" / name / "training.json").read_text())["runs"]
    first = {r["stage"]: r["auc"] for r in trained if r["seed"] == 1}
    for stage in ("float", "quantised"):
        assert found["of"][f"{name}, {stage}"]["auc"] == pytest.approx(first[stage], abs=1e-3)


def marked(card: str, name: str) -> list[str]:
    """The lines of a card between two marks."""
    return card.split(f"<!-- {name}: begin -->\n")[1].split(f"<!-- {name}: end -->")[0].splitlines()


@pytest.mark.parametrize(
    "name", ["jet_cnn", *OTHER_BINS, "jet_generator", "jet_regression", "jet_tagger", "jet_tagger_pruned"]
)
def test_card_holds_three_seeds(repository: Path, name: str) -> None:
    """Mean and deviation over seeds, of training.json, by a road of their own."""
    folder = repository / "models" / name
    runs = json.loads((folder / "training.json").read_text())["runs"]
    header, _, *rows = [
        [c.strip() for c in line.strip("|").split("|")] for line in marked((folder / "card.md").read_text(), "seeds")
    ]
    assert header[0] == "seeds 1, 2, 3"
    for figure, *cells in rows:
        for stage, cell in zip(header[1:], cells, strict=True):
            a, b, c = (r[figure] for r in runs if r["stage"] == stage and r.get("seed"))
            mean = (a + b + c) / 3
            spread = (((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2) / 2) ** 0.5
            assert cell == f"{mean:.4f} +- {spread:.4f}", (figure, stage)


def test_every_model_is_small_and_whole(repository: Path) -> None:
    for model in models.every(repository / "models"):
        size = sum(f.stat().st_size for f in model.folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts)
        assert size < 10e6, model.folder
        compiler_quantises = "\nbits = " in (model.folder / "fpga_ml.toml").read_text()
        by_training = () if compiler_quantises else ("quantised.keras",)
        trained = ("train.py", "float.keras", "sample.npz", "figures.json", *by_training)
        of_all = ("model.py", "card.md", *(trained if model.folder.name not in UNTRAINED else ()))
        for name in of_all:
            assert (model.folder / name).exists() or (model.folder.name, name) in WITHOUT


def test_pruned_tagger_is_pruned(repository: Path) -> None:
    import keras
    import qkeras  # noqa: F401

    model = keras.models.load_model(repository / "models" / "jet_tagger_pruned" / "quantised.keras", compile=False)
    kernels = [layer.kernel_quantizer_internal(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]
    zero = [float((np.asarray(k) == 0).mean()) for k in kernels]
    assert len(kernels) == 4
    assert min(zero) > 0.74


def test_eval_prints_one_object_a_stage(repository: Path, tmp_path: Path) -> None:
    """On a sample of its own, the RTL among the stages."""
    with np.load(repository / "models" / "jet_tagger_pruned" / "sample.npz") as z:
        np.savez(tmp_path / "few.npz", **{name: z[name][:300] if z[name].ndim else z[name] for name in z.files})
    command = [sys.executable, "-m", "fpga_ml", "models", "eval", "jet_tagger_pruned", "--json", "--rtl"]
    done = subprocess.run(
        [*command, "--data", tmp_path / "few.npz"], capture_output=True, text=True, cwd=repository, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["samples"], found["bit_exact_rtl_vs_csim"]) == (300, True)
    assert all(0.85 < found[stage]["auc"] < 0.95 for stage in (*STAGES, "rtl"))
    assert found["rtl"] == found["csim"]


@pytest.mark.parametrize(
    "name",
    ["w_pivot", *(pytest.param(n, marks=pytest.mark.slow) for n in ("jet_regression", "jet_tagger_pruned", *RECURRENT))],
)
def test_rtl_of_the_models(name: str, repository: Path, tmp_path: Path) -> None:
    """A few samples of each through its own RTL."""
    model = models.named(repository / "models", name)
    with np.load(model.folder / "sample.npz") as z:
        few = {key: z[key][:60] if z[key].ndim else z[key] for key in z.files}
    np.savez(tmp_path / "few.npz", **few)
    found = evaluate(model, data=tmp_path / "few.npz", rtl=True)
    assert (found["samples"], found["bit_exact_rtl_vs_csim"]) == (60, True)
    assert found["rtl"] == found["csim"]


def test_rtl_that_differs_has_no_figures(repository: Path) -> None:
    """Neither where its simulation failed; and where it was not simulated, one error says why."""
    report = {"cosim": [{"passed": True}, {"passed": False}], "stages": dict.fromkeys(("csim", "emulate", "rtl"), "ran")}
    project = Project(repository, {**report, "model": {"name": "m"}}, (), None, outputs={"csim": (np.zeros(3),)})
    assert models._from_rtl(project) == {}
    project.report["cosim"].pop()
    assert list(models._from_rtl(project)) == ["rtl"]
    project.report["cosim"].clear()
    project.report["stages"]["cosim"] = "no simulator"
    with pytest.raises(FpgaMlError, match="not simulated"):
        models._from_rtl(project)


def test_list_shows_figures(repository: Path) -> None:
    command = [sys.executable, "-m", "fpga_ml", "models"]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=repository, check=True).stdout
    known = (*EVALUATED, *RECURRENT, "jet_cnn", "jet_cnn_paper", *OTHER_BINS)
    rows = [line.split() for line in shown.splitlines() if line[:1] == " " and line[1:2].strip()]
    figures = {row[0]: row[-3:] for row in rows}
    for name in known:
        kept = json.loads((repository / "models" / name / "figures.json").read_text())
        figure, *values = figures[name]
        stages = [stage for stage in ("float", "emulator") if stage in kept]
        assert values[-len(stages) :] == [f"{kept[stage][figure]:.4g}" for stage in stages]
    assert "not evaluated" not in shown


def test_unknown_model_and_sample(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(FpgaMlError, match="unknown model 'jet_cn'"):
        models.named(repository / "models", "jet_cn")
    with pytest.raises(FpgaMlError, match="no sample"):
        evaluate(models.named(repository / "models", "jet_tagger"), data=tmp_path / "none.npz")


def test_train_runs_the_script_with_its_arguments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.py").write_text("name = 'own'\n")
    (tmp_path / "train.py").write_text("import sys\nfrom model import name\nprint(name, sys.argv[1:], __name__)\n")
    before = list(sys.argv)
    models.train(Model(tmp_path), ["--seed", "3"])
    assert capsys.readouterr().out == "own ['--seed', '3'] __main__\n"
    assert sys.argv == before
    assert "model" not in sys.modules


def test_train_from_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "toy"
    folder.mkdir(parents=True)
    (folder / "fpga_ml.toml").write_text("")
    (folder / "train.py").write_text("import sys\nprint(sys.argv[1:])\n")
    command = [sys.executable, "-m", "fpga_ml", "models", "train", "toy", "--data", "DIR", "--seeds", "1", "2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "['--data', 'DIR', '--seeds', '1', '2']\n", done.stderr


def test_classifier_figures_by_hand() -> None:
    scores = np.array([[0.9], [0.8], [0.3], [0.6], [0.2], [0.1]])
    found = classifier([scores], {"y": np.array([1, 1, 1, 0, 0, 0])})
    assert found["auc"] == pytest.approx(8 / 9)
    assert found["accuracy"] == pytest.approx(4 / 6)
    three = classifier([np.eye(3)[[0, 1, 2] * 2] + 0.01], {"y": np.array([0, 1, 2] * 2)})
    assert (three["auc"], three["accuracy"]) == (1.0, 1.0)


# The generator's own parts


@pytest.fixture
def generator(repository: Path) -> Iterator[ModuleType]:
    with models._importing_from(repository / "models" / "jet_generator"):
        import train as found

        yield found


def test_spectra_by_hand(generator: ModuleType) -> None:
    """Two pixels of 30 and 40 GeV, 10 pixels apart in eta: m^2 = 2 p q (cosh(d eta) - 1)."""
    image = np.zeros((1, 16, 16, 1))
    image[0, 2, 5], image[0, 12, 5], image[0, 3, 3] = 30.0, 40.0, 0.4
    found = generator.spectra(np.where(image > 1, image, 0))
    assert found["mass"][0] == pytest.approx(np.sqrt(2 * 30 * 40 * (np.cosh(10 * 1.6 / 33) - 1)))
    assert (generator.spectra(image)["pt"][0], generator.spectra(image)["lit"][0]) == (pytest.approx(70.4), 2.0)
    fractions = np.zeros((1, 33, 33, 2))
    fractions[0, 4, 7, 0], fractions[0, 5, 6, 1], fractions[0, 32, 0, 0] = 0.5, 0.3, 0.2
    joined = generator.rebin(fractions, np.array([200.0]))
    assert joined[0, 2, 3, 0] == pytest.approx(160.0)
    assert joined.sum() == pytest.approx(160.0)  # the last row is dropped


def test_latent_numbers_lie_on_the_grid(generator: ModuleType) -> None:
    z = generator.latent(1000, 3)
    np.testing.assert_array_equal(z * 16, np.rint(z * 16))
    assert z.std() == pytest.approx(1.0, abs=0.02)


# The trainer of w_pivot on the paper's toy, where only the class Y = 1 depends on z


@pytest.fixture
def pivot(repository: Path) -> Iterator[ModuleType]:
    with models._importing_from(repository / "models" / "w_pivot"):
        import pivot as found

        yield found


def toy_run(pivot: ModuleType, lam: float, iterations: int, adversary_steps: int) -> tuple[float, float]:
    """(dependence on z, AUC) of the toy's classifier."""
    import keras

    from fpga_ml.science.jets.metrics import auc

    keras.utils.set_random_seed(1)
    f, r = pivot.toy_classifier(), pivot.adversary((20, 20), 15)
    how = pivot.Training(
        lam=lam,
        iterations=iterations,
        adversary_steps=adversary_steps,
        classes=(0, 1),
        batch=256,
        pivot_rate=3e-3,
        adversary_rate=3e-3,
        pretrain_epochs=2,
    )
    pivot.fit(f, r, pivot.toy(20_000, 1), how, pivot.mixture(5), 1)
    test = pivot.toy(20_000, 2)
    return pivot.toy_dependence(f), auc(f.predict(test.x, batch_size=8192, verbose=0)[:, 0].astype(float), test.y)[0]


def test_pivot_takes_the_dependence_away(pivot: ModuleType) -> None:
    plain, plain_auc = toy_run(pivot, 0.0, 0, 0)
    pivoted, pivoted_auc = toy_run(pivot, 50.0, 100, 40)
    assert plain > 0.45
    assert pivoted < plain / 2.5
    assert plain_auc > pivoted_auc > 0.72


@pytest.mark.slow
def test_pivot_ends_nearly_independent(pivot: ModuleType) -> None:
    """As many steps as the paper's: 200 of the classifier, 500 of the adversary before each."""
    dependence, area = toy_run(pivot, 50.0, 200, 500)
    assert dependence < 0.1
    assert area > 0.72


def test_mixture_is_a_density(pivot: ModuleType) -> None:
    """exp(-loss) of single points integrates to 1, and one component is a Gaussian."""
    import tensorflow as tf

    out = tf.constant(np.random.default_rng(1).normal(size=(1, 15)).astype(np.float32))
    grid = np.linspace(-30, 30, 20001).astype(np.float32)
    loss = pivot.mixture(5)
    density = [float(np.exp(-loss(tf.constant([z]), out))) for z in grid[::40]]
    assert sum(density) * (grid[40] - grid[0]) == pytest.approx(1.0, abs=0.02)
    one = tf.constant([[0.0, 0.5, np.log(2.0)]], tf.float32)
    expected = 0.5 * ((1.5 - 0.5) / 2) ** 2 + np.log(2.0) + 0.5 * np.log(2 * np.pi)
    assert float(pivot.mixture(1)(tf.constant([1.5]), one)) == pytest.approx(expected, rel=1e-5)


def test_toy_depends_on_z_in_one_class_only(pivot: ModuleType) -> None:
    data = pivot.toy(40_000, 5)
    for label, slope in ((0, 0.0), (1, 1.0)):
        part = data.of((label,))
        assert np.polyfit(part.z, part.x[:, 1], 1)[0] == pytest.approx(slope, abs=0.03)
    assert np.corrcoef(data.of((0,)).x.T)[0, 1] == pytest.approx(-0.5, abs=0.02)
