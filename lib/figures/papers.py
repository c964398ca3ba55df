"""The papers' figures."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import rankdata

from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.rsa import RSAResult
from lib.claims import CLAIMS, FAILS, HOLDS, UNTESTED, Claim, Verdict
from lib.claims.evidence import Evidence
from lib.claims.rates import rate
from lib.core.scores import Interval, bootstrap_mean
from lib.data import Source
from lib.data.areas import EARLY, FACE, PLACE, ROIS
from lib.data.images92 import Images92
from lib.simulation.worlds import WORLDS, World

# Okabe & Ito's colours, told apart by colour-blind readers too; yellow is left out, too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vP*"
SMALL, NORMAL = 8, 9  # points


def stamp(figure: Figure, simulated: bool) -> Figure:
    """Say in the picture itself that its data were simulated."""
    if simulated:
        figure.suptitle("SIMULATED DATA: nobody was scanned", color=COLOURS[1], fontsize=NORMAL, weight="bold")
    return figure


def notice(source: Source) -> Markdown:
    """A box that says whether anybody was scanned, where the data come from and how they may be used."""
    kind, title = ("warning", "Simulated data") if source.simulated else ("note", "Measured data")
    body = f"{source.description}.\n\n- Origin: {source.origin}.\n- Licence: {source.licence}."
    return Markdown(f"```{{admonition}} {title}\n:class: {kind}\n\n{body}\n```")


def contact_sheet(data: Images92, n_columns: int = 12) -> Figure:
    """All images, one block of rows per category."""
    categories = list(dict.fromkeys(data.category))
    sheets = [montage(data.images[data.category == category], n_columns) for category in categories]
    heights = [len(sheet) for sheet in sheets]
    size = (7.2, 6.1 * sum(heights) / sheets[0].shape[1] + 0.1 * len(sheets) + 0.2)
    figure, axes = subplots(len(sheets), 1, size, height_ratios=heights, dpi=100)
    for ax, sheet, category in zip(axes.flat, sheets, categories, strict=True):
        ax.imshow(sheet)
        ax.set_ylabel(category.replace(" ", "\n"), fontsize=SMALL, rotation=0, ha="right", va="center")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return stamp(figure, data.source.simulated)


def mean_rdms(data: Images92) -> Figure:
    """The participants' mean RDM of each area, as percentiles, images ordered by category."""
    figure, axes = subplots(1, len(data.rdms), (7.2, 4.1), sharey=True)
    for ax, (roi, rdms) in zip(axes.flat, data.rdms.items(), strict=True):
        picture = ax.imshow(_percentiles(rdms.mean(axis=0)), cmap="cividis", vmin=0, vmax=100)
        ax.set_title(f"{roi}, mean of {len(rdms)} people", fontsize=NORMAL)
        _category_axes(ax, data.category)
    bar = figure.colorbar(picture, ax=axes, shrink=0.7)
    bar.set_label("dissimilarity (percentile of the area's pairs)", fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL)
    return stamp(figure, data.source.simulated)


def layers_against_areas(results: Mapping[str, Mapping[str, RSAResult]], simulated: bool) -> Figure:
    """Mean r of every layer, 95 % intervals, noise ceiling; a column per area, a row per kind of network.

    Parameters
    ----------
    results : mapping of network label to mapping of area to RSAResult
    simulated : bool
        Whether the participants are.
    """
    rois = list(next(iter(results.values())))
    kinds = list(dict.fromkeys(result[rois[0]].layers for result in results.values()))
    figure, axes = subplots(len(kinds), len(rois), (7.2, 3.2 * len(kinds) + 0.6), sharey=True)
    for row, layers in zip(axes, kinds, strict=True):
        family = {label: result for label, result in results.items() if result[rois[0]].layers == layers}
        for ax, roi in zip(row, rois, strict=True):
            _rsa_panel(ax, roi, {label: result[roi] for label, result in family.items()})
        row[0].set_ylabel("Spearman r with a participant's RDM\n(mean, 95 % interval)", fontsize=SMALL)
    _legend_below(figure, axes[:, 0])
    return stamp(figure, simulated)


def participants_against_areas(results: Mapping[str, RSAResult], title: str, simulated: bool) -> Figure:
    """A line per participant over one network's layers, the best layer of each marked; a panel per area."""
    figure, axes = subplots(1, len(results), (7.2, 3.2), sharey=True)
    for ax, (roi, result) in zip(axes.flat, results.items(), strict=True):
        ax.plot(result.r, color="0.65", lw=0.8)
        ax.plot(result.r.argmax(axis=0), result.r.max(axis=0), "o", color=COLOURS[1], ms=4, label="best layer")
        ax.plot(result.r.mean(axis=1), color="black", lw=2, label="mean")
        _layer_axis(ax, result.layers, f"{title}: {roi}")
    axes[0, 0].set_ylabel("Spearman r", fontsize=SMALL)
    axes[0, 0].legend(fontsize=SMALL, frameon=False)
    return stamp(figure, simulated)


def subplots(n_rows: int, n_columns: int, size: tuple[float, float], **options: object) -> tuple[Figure, np.ndarray]:
    """A white figure that a notebook shows once: closed for pyplot, returned by the cell."""
    style = {"dpi": 150, "squeeze": False, "layout": "constrained", "facecolor": "white"}
    figure, axes = plt.subplots(n_rows, n_columns, figsize=size, **(style | options))
    plt.close(figure)
    return figure, axes


def errorbar(ax: Axes, x: np.ndarray, found: Sequence[Interval], i: int, **style: object) -> None:
    """Estimates and their intervals, with the i-th colour and marker and whatever else of matplotlib's style.

    Resampling can only add to a size (a share that moves, say), so a whole interval may lie above its estimate.
    """
    y, low, high = np.array([(one.estimate, one.low, one.high) for one in found]).T
    usual = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)], "ms": 4, "capsize": 2}
    ax.errorbar(x, y, np.maximum(0, (y - low, high - y)), **(usual | style))


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """Rows of text and numbers as a table; numbers with three digits after the point."""
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return Markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _cell(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float | np.floating) else str(value)


def montage(images: np.ndarray, n_columns: int) -> np.ndarray:
    """Images (n, h, w, 3) side by side in rows of `n_columns`, white where there are none left."""
    n, height, width, _ = images.shape
    n_rows = -(-n // n_columns)
    full = np.full((n_rows * n_columns, height, width, 3), 255, np.uint8)
    full[:n] = images
    grid = full.reshape(n_rows, n_columns, height, width, 3).swapaxes(1, 2)
    return grid.reshape(n_rows * height, n_columns * width, 3)


def _percentiles(rdm: np.ndarray) -> np.ndarray:
    """Each pair's rank among all pairs, 0 to 100; not a number on the diagonal."""
    rows, columns = np.triu_indices(len(rdm), 1)
    ranks = rankdata(rdm[rows, columns])
    out = np.full(rdm.shape, np.nan)
    out[rows, columns] = out[columns, rows] = 100 * (ranks - 1) / (len(ranks) - 1)
    return out


def _category_axes(ax: Axes, category: np.ndarray) -> None:
    names = list(dict.fromkeys(category))
    edges = np.cumsum([0, *((category == name).sum() for name in names)])
    ax.set_xticks((edges[1:] + edges[:-1]) / 2 - 0.5, names, rotation=90, fontsize=SMALL)
    ax.set_yticks((edges[1:] + edges[:-1]) / 2 - 0.5, names, fontsize=SMALL)
    ax.tick_params(length=0)
    for edge in edges[1:-1] - 0.5:
        ax.axhline(edge, color="white", lw=0.8)
        ax.axvline(edge, color="white", lw=0.8)


def _rsa_panel(ax: Axes, roi: str, results: Mapping[str, RSAResult]) -> None:
    ceiling = next(iter(results.values())).ceiling
    ax.axhspan(ceiling.lower_r, ceiling.upper_r, color="0.85", label="noise ceiling, lower to upper")
    ax.axhline(0, color="0.5", lw=0.8)
    shifts = np.linspace(-0.2, 0.2, len(results))
    for i, (shift, (label, result)) in enumerate(zip(shifts, results.items(), strict=True)):
        mean, x = result.r.mean(axis=1), np.arange(len(result.layers)) + shift
        style = {
            "color": COLOURS[i % len(COLOURS)],
            "marker": MARKERS[i % len(MARKERS)],
            "ms": 4.5,
            "lw": 1.2,
        }
        ax.errorbar(x, mean, (mean - result.low, result.high - mean), capsize=2, label=label, **style)
    _layer_axis(ax, result.layers, roi)


def _layer_axis(ax: Axes, layers: Sequence[str], title: str) -> None:
    ax.set_title(title, fontsize=NORMAL)
    ax.set_xticks(range(len(layers)), layers, rotation=45, ha="right", fontsize=SMALL)
    ax.tick_params(axis="y", labelsize=SMALL)
    ax.spines[["top", "right"]].set_visible(False)


def _legend_below(figure: Figure, axes: Sequence[Axes]) -> None:
    entries = {label: h for ax in axes for h, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    style = {"ncols": 2, "fontsize": SMALL, "frameon": False}
    figure.legend(entries.values(), entries.keys(), loc="outside lower center", **style)


ROI_GROUPS = {"Early visual": EARLY, "Place": PLACE, "Face": FACE}


def encoding_figure(study: EncodingStudy, selection: str = "test") -> Figure:
    """The layout of paper W's figures: R of each network's layers, then the stacking weights, one column per ROI.

    A line is a voxel: the `study.n_best` best of the ROI by stacked score on the test images, as published, or by
    out-of-fold score (`selection="out-of-fold"`). The dark line is their mean.
    """
    rois = study.rois()
    rows = [(name, what) for what in ("score", "weights") for name in study.encoding]
    figure, axes = subplots(len(rows), len(rois), (10, 1.5 * len(rows) + 0.5), sharex="col", sharey="row")
    for (name, what), row in zip(rows, axes, strict=True):
        for ax, roi in zip(row, rois, strict=True):
            _voxel_lines(ax, study, name, roi, what, selection)
        row[0].set_ylabel(f"{name}\n{'R' if what == 'score' else 'weight'}", fontsize=NORMAL)
    for ax, roi in zip(axes[0], rois, strict=True):
        ax.set_title(roi, fontsize=NORMAL + 1, color=_roi_colour(roi), weight="bold")
    return stamp(figure, study.participant.source.simulated)


def _voxel_lines(ax: Axes, study: EncodingStudy, name: str, roi: str, what: str, selection: str) -> None:
    result = study.encoding[name]
    values = getattr(result, what)[:, study.best(name, roi, selection)]
    ax.plot(values, color=_roi_colour(roi), alpha=np.clip(16 / values.shape[1], 0.08, 0.4), linewidth=0.6)
    ax.plot(values.mean(1), color="black", linewidth=1.6)
    if what == "score":
        ax.axhline(0, color="0.6", linewidth=0.6)
    ax.set_xticks(range(len(result.layers)), result.layers, rotation=90, fontsize=SMALL)
    ax.tick_params(axis="y", labelsize=SMALL)


def _roi_colour(roi: str) -> str:
    return next((c for c, rois in zip(COLOURS, ROI_GROUPS.values(), strict=False) if roi in rois), "0.3")


def _groups(study: EncodingStudy) -> dict[str, list[str]]:
    """The participant's ROIs in groups, those of other names in a group of their own; no group is empty."""
    known = {name: study.rois(rois) for name, rois in ROI_GROUPS.items()}
    others = [roi for roi in study.rois() if roi not in ROIS]
    return {name: rois for name, rois in {**known, "Other": others}.items() if rois}


def preferred_layers(study: EncodingStudy, selection: str = "out-of-fold") -> Figure:
    """Which layer predicts each voxel best: the share of an ROI's voxels per layer, their median and middle half."""
    rois = study.rois()
    figure, axes = subplots(1, len(study.encoding), (8.5, 0.32 * len(rois) + 1.4), sharey=True)
    for ax, (name, result) in zip(axes.flat, study.encoding.items(), strict=True):
        best = [result.score[:, study.best(name, roi, selection)].argmax(0) for roi in rois]
        shares = np.array([np.bincount(b, minlength=len(result.layers)) / max(1, len(b)) for b in best])
        picture = ax.imshow(shares, cmap="Greys", vmin=0, vmax=1, aspect="auto")
        low, middle, high = np.array([np.quantile(b, (0.25, 0.5, 0.75)) for b in best]).T
        error = np.abs(np.array([low, high]) - middle)
        ax.errorbar(middle, range(len(rois)), xerr=error, fmt="o", color=COLOURS[1], markersize=4, capsize=2)
        ax.set_title(name, fontsize=NORMAL)
        ax.set_xticks(range(len(result.layers)), result.layers, rotation=60, fontsize=SMALL)
    axes.flat[0].set_yticks(range(len(rois)), rois, fontsize=SMALL)
    figure.colorbar(picture, ax=axes, label="share of the ROI's best voxels")
    return stamp(figure, study.participant.source.simulated)


def planted_and_recovered(study: EncodingStudy) -> Figure:
    """What drives the simulated voxels (bars) beside the stacking weights found (dots), per group of ROIs.

    Bars are shares of the network's own contribution; where a network drives nothing, or nobody knows, there is no bar.
    """
    world = WORLDS.get(study.participant.source.world)
    groups = _groups(study)
    figure, axes = subplots(len(study.encoding), len(groups), (9, 2 * len(study.encoding)), sharey=True, sharex="row")
    for row, (name, result) in zip(axes, study.encoding.items(), strict=True):
        for ax, (group, rois) in zip(row, groups.items(), strict=True):
            planted = np.mean([_planted_shares(world, roi, name, result.layers) for roi in rois], axis=0)
            found = [result.weights[:, study.best(name, roi, "out-of-fold")].mean(1) for roi in rois]
            ax.bar(range(len(result.layers)), planted, color="0.8", label="planted share")
            ax.plot(np.transpose(found), "o", color=COLOURS[1], markersize=3.5)
            ax.plot([], "o", color=COLOURS[1], markersize=3.5, label="stacking weight, one dot per ROI")
            ax.set_xticks(range(len(result.layers)), result.layers, rotation=60, fontsize=SMALL)
            ax.set_title(f"{group}: {', '.join(rois)}", fontsize=SMALL)
        row[0].set_ylabel(name, fontsize=SMALL)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2, fontsize=SMALL)
    return stamp(figure, study.participant.source.simulated)


def _planted_shares(world: World | None, roi: str, network: str, layers: Sequence[str]) -> np.ndarray:
    planted = world.planted(roi, network) if world else {}
    shares = np.array([planted.get(layer, 0.0) for layer in layers])
    return shares / max(shares.sum(), 1e-12)


def network_scores(study: EncodingStudy) -> Figure:
    """Mean R of every network's stack over all voxels of an ROI."""
    rois = study.rois()
    found = {
        name: [bootstrap_mean(result.stacked_score[study.participant.roi(roi)]) for roi in rois]
        for name, result in study.encoding.items()
    }
    return stamp(_intervals(rois, found, "mean R of the stack"), study.participant.source.simulated)


def _intervals(rois: Sequence[str], found: Mapping[str, Sequence[Interval]], y: str) -> Figure:
    """A symbol with its interval for every label in every ROI, side by side."""
    figure, axes = subplots(1, 1, (8, 3.2))
    ax, shifts = axes[0, 0], np.linspace(-0.3, 0.3, len(found))
    for i, (shift, (label, intervals)) in enumerate(zip(shifts, found.items(), strict=True)):
        errorbar(ax, np.arange(len(rois)) + shift, intervals, i, label=label, ls="none", ms=4.5, lw=1.2)
    ax.axhline(0, color="0.6", lw=0.6)
    ax.set_xticks(range(len(rois)), rois, fontsize=SMALL)
    ax.set_ylabel(y, fontsize=SMALL)
    ax.tick_params(axis="y", labelsize=SMALL)
    ax.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=min(6, len(found)), fontsize=SMALL, frameon=False)
    return figure


def ceilings(study: EncodingStudy) -> Figure:
    """Variance the stack explains in each voxel against the largest that any model could explain."""
    figure, axes = subplots(1, len(study.encoding), (8, 3.6), sharex=True, sharey=True)
    for ax, (name, result) in zip(axes.flat, study.encoding.items(), strict=True):
        explained = np.sign(result.stacked_score) * result.stacked_score**2
        for group, rois in _groups(study).items():
            voxels = np.any([study.participant.roi(roi) for roi in rois], axis=0)
            ceiling = study.participant.noise_ceiling[voxels]
            ax.plot(ceiling, explained[voxels], ".", markersize=2, color=_roi_colour(rois[0]), alpha=0.5, label=group)
        ax.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle="--")
        ax.set(xlim=(0, 1), ylim=(-0.2, 1), xlabel="noise ceiling (variance)")
        ax.set_title(name, fontsize=NORMAL)
    axes.flat[0].set_ylabel("variance explained by the stack, R2")
    axes.flat[0].legend(fontsize=SMALL, markerscale=5, frameon=False)
    return stamp(figure, study.participant.source.simulated)


def verdicts(found: Sequence[Verdict]) -> Markdown:
    """Claims and what became of them, as a table."""
    return table(
        ("claim", "the paper says", "here it", "effect [95 % interval]", "in the weakest contrast"),
        ((v.claim, f"“{CLAIMS[v.claim].quote}”", f"**{v.outcome}**", v.effect or "", v.where) for v in found),
    )


def claim_cards(claims: Iterable[Claim]) -> Markdown:
    """Each claim's words, statistic and rule, as definitions."""
    cards = [
        f"**{c.id}** {{cite:p}}`{c.paper}`, {c.place}\n: “{c.quote}”\n: *Statistic*: {c.statistic}.\n"
        f": *Holds* if {c.rule}."
        for c in claims
    ]
    return Markdown("\n\n".join(cards))


# Dark ink on light paper in every cell, so that it reads alike on a light and a dark page.
LEDGER_STYLE = """<style>
table.ledger { border-collapse: separate; border-spacing: 3px; font-size: 0.85rem; width: 100%; }
table.ledger td, table.ledger th { padding: 0.35rem 0.4rem; text-align: center; border: 0; vertical-align: middle; }
table.ledger th[scope="row"] { text-align: left; font-weight: normal; }
table.ledger td { border-radius: 0.25rem; background: #e6e6e6; color: #111; min-width: 5.2rem; }
table.ledger td.corner { background: none; }
table.ledger td.always { background: #9ecae1; }
table.ledger td.never { background: #fdbe85; }
table.ledger td.sometimes { background: linear-gradient(135deg, #9ecae1 50%, #fdbe85 50%); }
table.ledger td a { color: #111; display: block; text-decoration: none; }
table.ledger td a:is(:hover, :focus) { text-decoration: underline; }
</style>"""
MARKS = {"always": "✓", "never": "✗", "sometimes": "✓✗", "untested": "–"}


def ledger(found: Mapping[str, Mapping[str, Sequence[Verdict]]], n_simulated: int) -> HTML:
    """Claims (rows) by worlds and data sets (columns), each verdict leading to the page that shows its figure.

    Parameters
    ----------
    found : mapping of column to {claim: one verdict per seed}
    n_simulated : int
        The first so many columns are simulated worlds; the others are measured.
    """
    claims = [name for name in CLAIMS if any(name in verdicts for verdicts in found.values())]
    above = [("SIMULATED: nobody was scanned", n_simulated), ("MEASURED", len(found) - n_simulated)]
    groups = "".join(f'<th scope="colgroup" colspan="{n}">{words}</th>' for words, n in above if n)
    columns = "".join(f'<th scope="col">{escape(column)}</th>' for column in found)
    rows = [f'<tr><td class="corner"></td>{groups}</tr>', f'<tr><th scope="col">claim</th>{columns}</tr>']
    for name in claims:
        cells = "".join(_ledger_cell(name, verdicts.get(name, ())) for verdicts in found.values())
        rows.append(f'<tr><th scope="row"><b>{name}</b> {escape(CLAIMS[name].title)}</th>{cells}</tr>')
    return HTML(f'{LEDGER_STYLE}<table class="ledger">{"".join(rows)}</table>')


def _ledger_cell(claim: str, verdicts: Sequence[Verdict]) -> str:
    """One verdict in a mark, words and colour, or how often the claim held, and the mean effect."""
    found = rate(verdicts)
    if not found.n:
        return f'<td class="untested">{MARKS["untested"]}<br>{UNTESTED}</td>'
    kind = {1: "always", 0: "never"}.get(found.holds, "sometimes")
    words = f"{round(found.holds * found.n)} of {found.n}" if found.n > 1 else HOLDS if found.holds else FAILS
    link = f'<a href="{CLAIMS[claim].notebook}.html">{MARKS[kind]} {words}<br><small>{found.effect:+.3f}</small></a>'
    return f'<td class="{kind}">{link}</td>'


def evidence(found: Iterable[Evidence]) -> Markdown:
    """What others measured beside the claims it bears on, with its source."""
    rows = [(", ".join(e.claims), f"{e.what}: {e.numbers}", f"{{cite:t}}`{e.source}`") for e in found]
    return table(("bears on", "others measured", "source"), rows)
