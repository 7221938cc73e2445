"""What the outputs look like: distributions, ROC curves and decisions, as plain numbers for report.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import beta
from sklearn.metrics import roc_curve

from fpga_ml.report.metrics import auc

Array = npt.NDArray[np.float64]
ByStage = Mapping[str, Sequence[Array]]
Labels = npt.NDArray[Any]
_BINS = 40
_SHOWN = 10  # elements of an output that have panels of their own
MOST_CURVES = 20  # classes with a ROC curve
_CONFIDENCE = 0.6827  # one standard deviation of a Gaussian
_EFFICIENCIES = np.arange(1, 101) / 100


def distributions(outputs: ByStage, names: Sequence[str], y: Labels | None, *, classes: bool) -> list[dict[str, Any]]:
    """Histograms of every output, of its error against the float model and, for a regression, against the target.

    outputs: {stage: (N, ...) an output}; names: of the outputs; y: class numbers (N,) if `classes`, else targets of all
    outputs side by side. Up to ten elements are shown one by one, more of them together; with class numbers the samples
    of the element's own class and the others apart.
    """
    found: list[dict[str, Any]] = []
    targets = _targets(outputs, y) if y is not None and not classes else None
    begin = 0
    for k, name in enumerate(names):
        flat = {stage: arrays[k].reshape(len(arrays[k]), -1) for stage, arrays in outputs.items()}
        size = next(iter(flat.values())).shape[1] if flat else 0
        for element in range(size) if size <= _SHOWN else (None,):
            own = {stage: a if element is None else a[:, element : element + 1] for stage, a in flat.items()}
            head = {"output": name, "element": element}
            judged = y if classes and k == 0 and element is not None and y is not None and y.ndim == 1 else None
            found += [head | part for part in _values(own, judged, size, element)]
            errors = {stage: a - own["float"] for stage, a in own.items() if stage != "float" and "float" in own}
            found += [head | _histogram("error against float", "all", errors)] if errors else []
            if targets is not None and element is not None:
                target = targets[:, begin + element, None]
                found.append(head | _histogram("output - target", "all", {s: a - target for s, a in own.items()}))
        begin += size
    return found


def _targets(outputs: ByStage, y: Labels) -> Array | None:
    """(N, values) in the order of all outputs' elements; None where there are not as many."""
    values = np.asarray(y, np.float64).reshape(len(y), -1)
    one = next(iter(outputs.values()), ())
    return values if sum(a[0].size for a in one) == values.shape[1] else None


def _values(own: Mapping[str, Array], y: Labels | None, size: int, element: int | None) -> list[dict[str, Any]]:
    if y is None or element is None:
        return [_histogram("value", "all", own)]
    label = 1 if size == 1 else element
    edges = _edges(own)
    apart = ((f"class {label}", y == label), ("the rest", y != label))
    return [_histogram("value", part, {s: a[rows] for s, a in own.items()}, edges) for part, rows in apart]


def _edges(arrays: Mapping[str, Array]) -> Array:
    low = min(float(a.min()) for a in arrays.values())
    high = max(float(a.max()) for a in arrays.values())
    middle, half = (low + high) / 2, (high - low) / 2 or max(abs(low), 1.0) * 0.5
    return np.linspace(middle - half, middle + half, _BINS + 1)


def _histogram(quantity: str, samples: str, arrays: Mapping[str, Array], edges: Array | None = None) -> dict[str, Any]:
    edges = _edges(arrays) if edges is None else edges
    counts = {stage: np.histogram(np.clip(a, edges[0], edges[-1]), edges)[0].tolist() for stage, a in arrays.items()}
    return {"quantity": quantity, "samples": samples, "edges": edges.tolist(), "counts": counts}


def roc(outputs: ByStage, y: Labels) -> list[dict[str, Any]]:
    """One class against the rest, of the first output's scores (N, classes) or (N, 1), class numbers y (N,).

    background_efficiency at a signal efficiency: the least share of the others that a cut keeps which keeps at least so
    much of the class; band: its interval of 68.3 % confidence.
    """
    scores = {stage: arrays[0].reshape(len(y), -1) for stage, arrays in outputs.items()}
    size = next(iter(scores.values())).shape[1] if scores else 0
    of = {1: {1: 0}, 2: {1: 1}}.get(size, {c: c for c in range(min(size, MOST_CURVES))})  # class: column
    found = []
    for label, column in of.items():
        signal = y == label
        if not signal.any() or signal.all():
            continue
        curves, bands, areas = {}, {}, {}
        for stage, s in scores.items():
            background, kept, _ = roc_curve(signal, s[:, column], drop_intermediate=False)
            share = background[np.searchsorted(kept, _EFFICIENCIES - 1e-12)]
            curves[stage], bands[stage] = share.tolist(), _band(share, int((~signal).sum()))
            areas[stage] = auc(s[:, column], signal)
        found.append(
            {
                "class": label,
                "signal": int(signal.sum()),
                "background": int((~signal).sum()),
                "signal_efficiency": _EFFICIENCIES.tolist(),
                "background_efficiency": curves,
                "band": bands,
                "auc": areas,
            }
        )
    return found


def _band(share: Array, samples: int) -> dict[str, list[float]]:
    """Of a share of so many samples, by Clopper and Pearson (Biometrika 26, 1934, 404): where none was kept, it ends at an
    upper limit."""
    kept = np.rint(share * samples)
    tail = (1 - _CONFIDENCE) / 2
    low = np.where(kept == 0, 0.0, beta.ppf(tail, kept, samples - kept + 1))
    high = np.where(kept == samples, 1.0, beta.ppf(1 - tail, kept + 1, samples - kept))
    return {"low": low.tolist(), "high": high.tolist()}


def decisions(outputs: ByStage) -> list[list[int]] | None:
    """How often the float model chooses class r (row) and C-simulation class c (column), of the first output."""
    if not {"float", "csim"} <= outputs.keys():
        return None
    before, after = outputs["float"][0], outputs["csim"][0]
    size = max(before.shape[-1], 2)
    table = np.zeros((size, size), int)
    np.add.at(table, (_chosen(before), _chosen(after.reshape(before.shape))), 1)
    counts: list[list[int]] = table.tolist()
    return counts


def confusion(outputs: ByStage, y: Labels) -> dict[str, list[list[int]]] | None:
    """{stage: how often a sample of class r (row) is taken for class c (column)}, by the first output; None where labels and
    decisions are not as many."""
    size = max(next(iter(outputs.values()))[0].shape[-1], 2) if outputs else 0
    found: dict[str, list[list[int]]] = {}
    for stage, arrays in outputs.items():
        chosen = _chosen(arrays[0])
        if len(chosen) != y.size:
            return None
        table = np.zeros((size, size), int)
        np.add.at(table, (y.ravel(), chosen), 1)
        found[stage] = table.tolist()
    return found or None


def _chosen(scores: Array) -> npt.NDArray[np.int64]:
    one = scores.shape[-1] == 1
    return (scores[..., 0] > 0.5).astype(np.int64).reshape(-1) if one else scores.argmax(-1).reshape(-1)
