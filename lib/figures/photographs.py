"""Real networks on the 92 images: how well layers predict areas, and how alike their geometries are."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
from IPython.display import HTML
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lib.analysis.images92 import PhotographData
from lib.analysis.nested import NestedResult
from lib.analysis.rdm_stacking import StackedGeometry
from lib.analysis.rsa import NoiseCeiling
from lib.claims import CLAIMS, UNTESTED, Verdict
from lib.claims.measured import ASKED_HERE, MEASURED_EFFECTS, SENTENCES
from lib.core.scores import Interval
from lib.core.tables import Table, plain
from lib.figures import style
from lib.figures.explorers import R_DIGITS, SHEET_COLUMNS, explorer, picture_sheet, rounded
from lib.figures.style import COLOURS, MARKERS, SMALL, subplots

_AREAS = ("FFA", "VWFA")


def best_layers(data: PhotographData, found: Mapping[str, NestedResult]) -> Figure:
    """r of each network's best layer in FFA, over all images and within those that show no face.

    Parameters
    ----------
    data : PhotographData
    found : mapping of label to NestedResult of FFA and VWFA
        A network, or a yardstick with a single feature space.
    """
    parts = {"all images": np.full(len(data.images.face), True), "images without a face": ~data.images.face}
    figure, axes = subplots(1, len(parts), (7.6, 0.34 * len(found) + 1.3), sharey=True)
    for ax, (title, images) in zip(axes.flat, parts.items(), strict=True):
        ceiling = data.areas.ceiling("FFA", images)
        ax.axvline(ceiling, color="0.4", ls="--", lw=1, label="noise ceiling")
        ax.axvline(0, color="0.7", lw=0.8)
        for y, (label, result) in enumerate(found.items()):
            colour, draws = _colours(found)[label], result.r_of_draws(result.best, images)[:, 0]
            if len(draws) > 1:
                ax.plot(draws, np.full(len(draws), y + 0.25), "|", color=colour, ms=5)
            _interval(ax, result.interval(result.best, images)[0], y, colour, "untrained" not in label)
        ax.plot([], [], "o", color="0.3", ms=5, label="trained, or no network")
        ax.plot([], [], "o", color="0.3", mfc="white", ms=5, label="mean of untrained twins")
        ax.plot([], [], "|", color="0.3", ms=5, label="each untrained twin")
        style.label_axes(ax, title, "r with FFA, best layer chosen on other images")
        ax.set_yticks(range(len(found)), list(found), fontsize=SMALL)
    axes[0, 0].invert_yaxis()
    style.legend_below(figure, axes[0, 0], ncols=4)
    return style.label_data(figure, data.simulated)


def _colours(labels: Iterable[str]) -> dict[str, str]:
    """A colour for each architecture, on this page the same in every figure; yardsticks without layers are grey."""
    networks = dict.fromkeys(label.partition(",")[0] for label in labels if "," in label)
    colours = dict(zip(networks, COLOURS, strict=False))
    return {label: colours.get(label.partition(",")[0], "0.3") for label in labels}


def _marker(colour: str) -> str:
    return MARKERS[COLOURS.index(colour)] if colour in COLOURS else MARKERS[0]


def _interval(ax: Axes, found: Interval, y: float, colour: str, filled: bool) -> None:
    error = np.maximum(0, [[found.estimate - found.low], [found.high - found.estimate]])
    inside = colour if filled else "white"
    ax.errorbar(found.estimate, y, xerr=error, fmt="o", color=colour, mfc=inside, ms=5, capsize=2)


def layer_profiles(data: PhotographData, found: Mapping[str, NestedResult]) -> Figure:
    """The layout of paper W's figures: r of each layer, then its stacking weight; a column per area, a line a network.

    Parameters
    ----------
    data : PhotographData
    found : mapping of network to NestedResult of FFA and VWFA
    """
    rows: Mapping[str, Callable[[NestedResult], np.ndarray]] = {
        "r": lambda result: result.r(result.predictions), "stacking weight": lambda result: result.weights,
    }  # fmt: skip
    figure, axes = subplots(len(rows), len(_AREAS), (7.6, 5.4), sharex=True, sharey="row")
    for row, (what, values) in zip(axes, rows.items(), strict=True):
        for column, (ax, area) in enumerate(zip(row, _AREAS, strict=True)):
            for label, result in found.items():
                _line(ax, values(result)[:, column], label, _colours(found)[label])
            if what == "r":
                ax.axhline(data.areas.ceiling(area), color="0.4", ls="--", lw=1, label="noise ceiling")
                ax.axhline(0, color="0.7", lw=0.8)
            style.label_axes(ax, area if what == "r" else "", "" if what == "r" else "depth of the layer")
        row[0].set_ylabel(what, fontsize=SMALL)
    style.legend_below(figure, axes[0, 0], ncols=2)
    return style.label_data(figure, data.simulated)


def _line(ax: Axes, values: np.ndarray, label: str, colour: str) -> None:
    """A network's layers from the first, 0, to the last, 1; an untrained one is dotted, its marks are empty."""
    dashes, inside = (":", "white") if "untrained" in label else ("-", colour)
    marker = _marker(colour)
    depth = np.linspace(0, 1, len(values))
    ax.plot(depth, values, dashes, marker=marker, color=colour, mfc=inside, label=label, ms=4, lw=1.2)


def raw_and_centred(
    data: PhotographData,
    found: Mapping[str, Mapping[str, Mapping[str, np.ndarray]]],
    ceilings: Mapping[str, NoiseCeiling],
) -> Figure:
    """Mean Spearman r of each layer with the participants: a row per way to correlate, a column per area.

    Parameters
    ----------
    data : PhotographData
    found : mapping of way to {network: {area: array of shape (n_layers, n_participants)}}
    ceilings : mapping of area to NoiseCeiling
    """
    figure, axes = subplots(len(found), len(ceilings), (7.6, 2.7 * len(found)), sharex=True, sharey=True)
    for row, (way, networks) in zip(axes, found.items(), strict=True):
        for ax, (area, ceiling) in zip(row, ceilings.items(), strict=True):
            ax.axhspan(ceiling.lower_r, ceiling.upper_r, color="0.85", label="noise ceiling, lower to upper")
            for label, areas in networks.items():
                _line(ax, areas[area].mean(1), label, _colours(networks)[label])
            style.label_axes(ax, f"{area}, {way}", "depth of the layer")
        row[0].set_ylabel("mean Spearman r", fontsize=SMALL)
    style.legend_below(figure, axes[0, 0], ncols=2)
    return style.label_data(figure, data.simulated)


def nested_table(data: PhotographData, found: Mapping[str, NestedResult]) -> Table:
    """r with FFA of the best layer and of the stack, with intervals, and of the best layer within non-faces.

    Parameters
    ----------
    data : PhotographData
    found : mapping of label to NestedResult of FFA and VWFA
    """
    within, other = "best layer, no faces, r [95 %]", "VWFA, best layer, r [95 %]"
    header = ("", "best layer, r [95 %]", "layer chosen most often", "stack, r [95 %]", within, other)
    return Table(header, [(label, *_nested_row(result, ~data.images.face)) for label, result in found.items()])


def _nested_row(result: NestedResult, no_face: np.ndarray) -> tuple[object, ...]:
    (best, other), stack = result.interval(result.best), result.interval(result.stack)[0]
    often = result.layers[int(result.chosen[:, 0].argmax())]
    within = result.interval(result.best, no_face)[0]
    shown = (f"{one.estimate:.2f} [{one.low:.2f}, {one.high:.2f}]" for one in (best, stack, within, other))
    return next(shown), often, *shown


def sentence_table(verdicts: Mapping[str, Verdict]) -> Table:
    """This book's own sentences on these data, what became of each, and the effect in every network.

    Parameters
    ----------
    verdicts : mapping of name to Verdict
        As `lib.claims.measured.decide_sentences` gives them.
    """
    header = ("", "sentence", "verdict here", "effect [95 % interval] in each network", "smallest effect that matters")
    return Table(header, [(name, *_sentence_row(name, one)) for name, one in verdicts.items()])


def _sentence_row(name: str, verdict: Verdict) -> tuple[str, ...]:
    effects = "; ".join(f"{plain(network)} {part.effect}" for network, part in verdict.parts.items()) or verdict.where
    smallest = {MEASURED_EFFECTS[part.measure] for part in verdict.parts.values()}
    least = ", ".join(f"{one.value:g} {one.unit}" for one in smallest)
    return SENTENCES[name].words, f"**{verdict.outcome}**", effects, least


def asked_table(verdicts: Mapping[str, Verdict]) -> Table:
    """Paper W's claims: by which sentence of this page each is asked, what became of it, and what cannot be asked.

    Parameters
    ----------
    verdicts : mapping of name to Verdict
        As `lib.claims.measured.decide_sentences` gives them.
    """
    header = ("", "paper W", "asked here by", "verdict here", "as far as these data go")
    rows = []
    for name, (sentence, words) in ASKED_HERE.items():
        outcome = verdicts[sentence].outcome if sentence else UNTESTED
        rows.append((name, CLAIMS[name].title, sentence or "-", f"**{outcome}**", words))
    return Table(header, rows)


def geometry_table(found: Mapping[str, Mapping[str, StackedGeometry]]) -> Table:
    """Spearman r of combined layers and of the best layer, over held-out images, and the layers that are combined.

    Parameters
    ----------
    found : mapping of network to {area: StackedGeometry}
    """
    header = ("network", "area", "stack", "best layer", "participants in whom the stack is better", "largest shares")
    rows = [(label, area, *_geometry_row(one)) for label, areas in found.items() for area, one in areas.items()]
    return Table(header, rows)


def _geometry_row(one: StackedGeometry) -> tuple[object, ...]:
    order = np.argsort(-one.weights)[:3]
    shares = ", ".join(f"{one.layers[k]} {one.weights[k]:.2f}" for k in order if one.weights[k] > 0.05)
    better = f"{int((one.stack > one.best).sum())} of {len(one.stack)}"
    return float(one.stack.mean()), float(one.best.mean()), better, shares


def trained_against_untrained(found: Mapping[str, Mapping[str, np.ndarray]]) -> Table:
    """In how many people the trained network's best layer is more like the area than its untrained twin's.

    Parameters
    ----------
    found : mapping of network to {area: array of shape (n_layers, n_participants)}
        Each trained network is followed by its twin. The best layer is that of the mean over the other people.
    """
    labels, rows = list(found), []
    for trained, twin in zip(labels[::2], labels[1::2], strict=True):
        for area in found[trained]:
            one, other = (_best_of_others(found[label][area]) for label in (trained, twin))
            rows.append((trained, area, one.mean(), other.mean(), f"{int((one > other).sum())} of {len(one)}"))
    measured = ("trained, best layer's mean r", "untrained, the same", "participants: trained is higher")
    return Table(("network", "area", *measured), rows)


def _best_of_others(r: np.ndarray) -> np.ndarray:
    """Of each participant, r of the layer that is best in the mean of the others; r has shape (n_layers, n_people)."""
    others = (r.sum(1, keepdims=True) - r) / (r.shape[1] - 1)
    best: np.ndarray = np.take_along_axis(r, others.argmax(0)[None], 0)[0]
    return best


def accuracy_figure(data: PhotographData, found: Mapping[str, NestedResult], accuracy: Mapping[str, float]) -> Figure:
    """r with FFA against published accuracy, a point per trained network.

    Parameters
    ----------
    data : PhotographData
    found : mapping of label to NestedResult
    accuracy : mapping of network to top-1 accuracy in percent
    """
    figure, axes = subplots(1, 1, (4.6, 3))
    colours = _colours(found)
    for name, percent in accuracy.items():
        if (result := found.get(label := f"{name}, published")) is not None:
            look = {"color": colours[label], "marker": _marker(colours[label]), "label": name}
            one = result.interval(result.best)[0]
            style.errorbar(axes[0, 0], np.array([percent]), [one], 0, ls="none", ms=6, **look)
    style.label_axes(axes[0, 0], "", "published top-1 accuracy on ImageNet, %", "r with FFA, best layer")
    style.small_legend(axes[0, 0])
    return style.label_data(figure, data.simulated)


def photograph_explorer(data: PhotographData, found: Mapping[str, NestedResult]) -> HTML:
    """Every photograph as a point: the predicted and the measured response of an area; pointing at it shows it.

    Parameters
    ----------
    data : PhotographData
    found : mapping of label to NestedResult of FFA and VWFA
        What predicts; each photograph's prediction is that of the best layer, from models of other photographs, mean
        over the orders of the photographs.
    """
    response, picture = ("invented response", "drawn scene") if data.simulated else ("measured response", "photograph")
    numbers = {
        "response": response,
        "areas": {area: rounded(data.areas.betas[area], R_DIGITS) for area in _AREAS},
        "predicted": {
            label: dict(zip(_AREAS, rounded(result.best.mean(0).T, R_DIGITS), strict=True))
            for label, result in found.items()
        },
        "categories": [str(name) for name in data.images.category],
        "filled": data.images.face.tolist(),
        "noun": picture.capitalize(),
        "unit": "% signal change",
        "sheet": picture_sheet(data.images.images),
        "columns": SHEET_COLUMNS,
    }
    caption = (
        f"Each point is a {picture}: the response that the best layer predicts, and the {response}. Filled: "
        f"{picture}s with a face. Point at one, or move the slider, to see the {picture}."
    )
    return explorer("photographs", numbers, _by_category(data, found), caption, style.data_warning(data.simulated))


def _by_category(data: PhotographData, found: Mapping[str, NestedResult]) -> Table:
    """Mean response of FFA to each category, and what is predicted of it."""
    rows = []
    for category in dict.fromkeys(data.images.category):
        shown = data.images.category == category
        predicted = [result.best[:, shown, 0].mean() for result in found.values()]
        rows.append((category, int(shown.sum()), data.areas.betas["FFA"][shown].mean(), *predicted))
    words = ("drawn scenes", "invented") if data.simulated else ("photographs", "measured")
    header = ("category", *words, *found)
    return Table(header, rows, "FFA's mean response to each category, in percent signal change, and predictions of it")
