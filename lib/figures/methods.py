"""Figures for the pages on methods: noise ceilings, ridge regression, stacking."""

from collections.abc import Mapping, Sequence

import numpy as np
from IPython.display import HTML
from matplotlib.figure import Figure

from lib.analysis.encoding import EncodingResult, out_of_fold_products
from lib.analysis.encoding_study import EncodingStudy, best_layer_score, best_voxels
from lib.core.scores import correlation, noise_ceiling, r2, signed_root
from lib.core.tables import Table
from lib.data import Participant
from lib.data.areas import ROIS
from lib.figures import style
from lib.figures.encoding import label_studies
from lib.figures.explorers import R_DIGITS, explorer, rounded
from lib.figures.style import COLOURS, MARKERS, NORMAL, SMALL, subplots
from lib.networks import Network, extract
from lib.solvers.stacking import simplex_weights

P_DIGITS = 4  # of products of errors, for the explorer


# Noise ceilings.


def repeated_responses(
    repeats: np.ndarray, signal: np.ndarray, ncsnr: np.ndarray, voxels: Sequence[int], simulated: bool
) -> Figure:
    """Every repeat of the first 40 images, ordered by the known signal; one panel per voxel.

    Parameters
    ----------
    repeats : array of shape (n_images, n_repeats, n_voxels)
    signal : array of shape (n_images, n_voxels)
    ncsnr : array of shape (n_voxels,)
    voxels : indices
    simulated : bool
        Whether the responses are.
    """
    figure, axes = subplots(1, len(voxels), (7.2, 2.8), sharey=True)
    for ax, voxel in zip(axes.flat, voxels, strict=True):
        order = np.argsort(signal[:40, voxel])
        ax.plot(repeats[order, :, voxel], ".", color="0.6", ms=4)
        ax.plot(repeats[order, :, voxel].mean(1), color=COLOURS[0], lw=1.2, label="mean of the repeats")
        strength = ncsnr[voxel] / np.hypot(1, ncsnr[voxel])
        ax.plot(strength * signal[order, voxel], color="black", lw=1.6, label="known signal")
        style.label_axes(ax, f"ncsnr = {ncsnr[voxel]:.2f}", "image, in order of the signal")
    axes[0, 0].set_ylabel("response, standardised", fontsize=SMALL)
    style.legend_below(figure, axes[0, 0], ncols=2)
    return style.label_data(figure, simulated)


def ceiling_check(
    ncsnr: np.ndarray, estimated: np.ndarray, reached: Mapping[int, np.ndarray], simulated: bool
) -> Figure:
    """Estimated against planted ncsnr, and the true model's R2 against the formula of the noise ceiling.

    Parameters
    ----------
    ncsnr, estimated : arrays of shape (n_voxels,)
    reached : mapping of the number of repeats averaged to R2, array of shape (n_voxels,)
    simulated : bool
        Whether the responses are.
    """
    figure, axes = subplots(1, 2, (7.2, 3))
    axes[0, 0].plot(ncsnr, estimated, ".", color="0.5", ms=3)
    axes[0, 0].plot(ncsnr, ncsnr, color="black", lw=1)
    style.label_axes(axes[0, 0], "ncsnr from repeats alone", "planted ncsnr", "estimated ncsnr")
    for colour, (n_repeats, r2_of_truth) in zip(COLOURS, reached.items(), strict=False):
        axes[0, 1].plot(ncsnr, r2_of_truth, ".", color=colour, ms=2, alpha=0.5)
        axes[0, 1].plot(ncsnr, noise_ceiling(ncsnr, n_repeats), color=colour, lw=1.6, label=f"{n_repeats} averaged")
    style.label_axes(axes[0, 1], "the true model", "planted ncsnr", "R² of the true model")
    style.small_legend(axes[0, 1], title="repeats", title_fontsize=SMALL)
    return style.label_data(figure, simulated)


def score_against_scale(y: np.ndarray, prediction: np.ndarray, scales: np.ndarray, simulated: bool) -> Figure:
    """R2, signed R and r of one voxel's prediction times each scale.

    Parameters
    ----------
    y, prediction : arrays of shape (n_images, 1)
    scales : array of shape (n_scales,)
    simulated : bool
        Whether the responses are.
    """
    scaled = scales[:, None, None] * prediction  # (n_scales, n_images, 1)
    explained = r2(y, scaled)[:, 0]
    figure, axes = subplots(1, 1, (6, 3))
    curves = {"R²": explained, "R": signed_root(explained), "r": correlation(y, scaled)[:, 0]}
    for colour, dashes, (name, values) in zip(COLOURS, ("-", "--", "-."), curves.items(), strict=False):
        axes[0, 0].plot(scales, values, dashes, color=colour, label=name, lw=1.8)
    axes[0, 0].axhline(0, color="0.6", lw=0.6)
    style.label_axes(axes[0, 0], "one prediction, stretched", "factor of the true prediction", "score")
    style.small_legend(axes[0, 0])
    return style.label_data(figure, simulated)


def selection_effect(study: EncodingStudy, network: str) -> Figure:
    """Mean test score of the voxels chosen by that very score, and of those chosen out of fold, per ROI."""
    score, rois = study.encoding[network].stacked_score, study.rois(ROIS)
    figure, axes = subplots(1, 1, (7.2, 2.8))
    ways = {"test": "by test score, as published", "out-of-fold": "by out-of-fold score"}
    for colour, marker, (selection, label) in zip(COLOURS, MARKERS, ways.items(), strict=False):
        means = [score[study.best(network, roi, selection)].mean() for roi in rois]
        axes[0, 0].plot(rois, means, marker, color=colour, label=f"best {study.n_best} {label}")
    everybody = [np.nanmean(score[study.participant.roi(roi)]) for roi in rois]
    axes[0, 0].plot(rois, everybody, "_", color="black", label="all voxels")
    axes[0, 0].axhline(0, color="0.6", lw=0.6)
    style.label_axes(axes[0, 0], study.participant.source.description, "", "mean R on test images")
    style.legend_below(figure, axes[0, 0], ncols=3)
    return label_studies(figure, study)


# Ridge regression.


def shrinkage_curves(e: np.ndarray, Z: np.ndarray, alphas: Sequence[float], simulated: bool) -> Figure:
    """Share of each principal direction that survives each penalty, and where a clear and a noisy voxel have theirs.

    Parameters
    ----------
    e : array of shape (rank,)
    Z : array of shape (rank, 2)
        Two voxels' coordinates U'y, labelled clear and noisy.
    alphas : penalties
    simulated : bool
        Whether the responses are.
    """
    e, Z = e[::-1], Z[::-1]
    direction = np.arange(1, len(e) + 1)
    figure, axes = subplots(1, 2, (7.2, 2.9))
    for colour, alpha in zip(COLOURS, alphas, strict=False):
        axes[0, 0].plot(direction, e / (e + alpha), color=colour, label=f"alpha = {alpha:g}")
    style.label_axes(axes[0, 0], "what ridge keeps", "principal direction", "e / (e + alpha)")
    for colour, label, z in zip(("black", "0.6"), ("clear voxel", "noisy voxel"), Z.T, strict=True):
        axes[0, 1].plot(direction, np.cumsum(z**2) / np.sum(z**2), color=colour, label=label)
    style.label_axes(axes[0, 1], "what the voxels hold", "principal direction", "share of variance up to here")
    style.legend_below(figure, *axes.flat, ncols=6)
    return style.label_data(figure, simulated)


def penalty_curves(
    alphas: np.ndarray, curves: Mapping[str, np.ndarray], titles: Sequence[str], simulated: bool
) -> Figure:
    """Criteria over penalties, each relative to its value at the largest one, minima marked; a panel per voxel.

    Parameters
    ----------
    alphas : array of shape (n_alphas,), ascending
    curves : mapping of label to array of shape (n_alphas, n_voxels)
    titles : n_voxels strings
    simulated : bool
        Whether the responses are.
    """
    figure, axes = subplots(1, len(titles), (7.2, 2.9), sharey=True)
    for colour, marker, (label, values) in zip(COLOURS, MARKERS, curves.items(), strict=False):
        values = values / values[-1]
        for ax, curve in zip(axes.flat, values.T, strict=True):
            ax.semilogx(alphas, curve, color=colour, label=label)
            place = (alphas[curve.argmin()], curve.min())
            ax.plot(*place, marker, color=colour, ms=8, fillstyle="none", mew=1.6, clip_on=False)
    for ax, title in zip(axes.flat, titles, strict=True):
        style.label_axes(ax, title, "penalty alpha")
        ax.axhline(1, color="0.6", lw=0.6)
        ax.set_ylim(0, 2)
        style.label_powers(ax.xaxis)
    axes[0, 0].set_ylabel("relative to the largest penalty", fontsize=SMALL)
    style.legend_below(figure, axes[0, 0], ncols=2)
    return style.label_data(figure, simulated)


def rare_units(share_active: np.ndarray, largest: Mapping[str, np.ndarray], simulated: bool) -> Figure:
    """Largest test activation of each unit against how often it is active in training, per way of scaling.

    Parameters
    ----------
    share_active : array of shape (n_features,)
    largest : mapping of label to array of shape (n_features,)
    simulated : bool
        Whether the responses are.
    """
    figure, axes = subplots(1, len(largest), (6, 3), sharex=True, sharey=True)
    for colour, marker, ax, (label, values) in zip(COLOURS, MARKERS, axes.flat, largest.items(), strict=False):
        ax.plot(share_active, values, marker, color=colour, ms=3, alpha=0.6)
        ax.loglog()
        style.label_powers(ax.xaxis, ax.yaxis)
        style.label_axes(ax, label, "share of training images", "largest value on test images" * (ax is axes[0, 0]))
    return style.label_data(figure, simulated)


# Stacking.

CORNERS = np.array([[0, 0], [1, 0], [0.5, 0.866]])


def errors_on_simplex(
    P: np.ndarray, weights: np.ndarray, layers: Sequence[str], titles: Sequence[str], simulated: bool
) -> Figure:
    """The error w'Pw over all convex combinations of three layers, darkest where smallest; a panel per voxel.

    Parameters
    ----------
    P : array of shape (n_voxels, 3, 3)
    weights : array of shape (n_voxels, 3)
        Marked by a star.
    layers, titles : three and n_voxels strings
    simulated : bool
        Whether the responses are.
    """
    grid = np.array([(a, b, 100 - a - b) for a in range(101) for b in range(101 - a)]) / 100
    figure, axes = subplots(1, len(P), (7.2, 2.9))
    for ax, p, w, title in zip(axes.flat, P, weights, titles, strict=True):
        error = np.einsum("gi,ij,gj->g", grid, p, grid)
        ax.tricontourf(*(grid @ CORNERS).T, error, 12, cmap="cividis")
        ax.plot(*(w @ CORNERS), "*", color=COLOURS[1], ms=13, mec="white", clip_on=False)
        for corner, layer in zip(1.12 * (CORNERS - CORNERS.mean(0)) + CORNERS.mean(0), layers, strict=True):
            ax.text(*corner, layer, fontsize=NORMAL, ha="center", va="center")
        ax.set_title(title, fontsize=NORMAL, pad=14)
        ax.set(xlim=(-0.12, 1.12), ylim=(-0.1, 1.02), aspect="equal")
        ax.axis("off")
    return style.label_data(figure, simulated)


def weights_against_overlap(
    overlaps: Sequence[float], weights: np.ndarray, alone: np.ndarray, layers: Sequence[str], simulated: bool
) -> Figure:
    """Mean stacking weight, and mean R2 of each layer alone, as one layer takes in more and more of the others.

    Parameters
    ----------
    overlaps : n_overlaps numbers
    weights, alone : arrays of shape (n_overlaps, n_layers)
    layers : names
    simulated : bool
        Whether the responses are.
    """
    figure, axes = subplots(1, 2, (7.2, 3), sharex=True)
    panels = {"stacking weight": weights, "R² of the layer alone": alone}
    for ax, (title, values) in zip(axes.flat, panels.items(), strict=True):
        for i, (layer, curve) in enumerate(zip(layers, values.T, strict=True)):
            broad = max(0, 2 - i)  # equal curves lie on each other: the lower one shows on both sides
            ax.plot(overlaps, curve, marker=MARKERS[i], color=COLOURS[i], ms=4 + 2 * broad, lw=1 + broad, label=layer)
        style.label_axes(ax, title, "share of C that is made of A and B")
    style.small_legend(axes[0, 0])
    return style.label_data(figure, simulated)


def stack_against_best(result: EncodingResult, simulated: bool) -> Figure:
    """R of the stack against R of the best single layer, out of fold and on test images; a point is a voxel."""
    pairs = {
        "out of fold": (result.cv_score.max(0), result.stacked_cv_score),
        "test images, layer chosen out of fold": (best_layer_score(result), result.stacked_score),
    }
    figure, axes = subplots(1, 2, (7.2, 3.4), sharex=True, sharey=True)
    for ax, (title, (single, stack)) in zip(axes.flat, pairs.items(), strict=True):
        ax.plot(single, stack, ".", color=COLOURS[0], ms=4)
        ax.axline((stack.min(), stack.min()), slope=1, color="black", lw=0.8)
        style.label_axes(ax, title, "R of the best layer", "R of the stack")
    return style.label_data(figure, simulated)


def stacking_explorer(participant: Participant, networks: Sequence[Network], n_shown: int = 5) -> HTML:
    """Three layers of a voxel's stack: every mixture's error, the matrix P behind it, the weights.

    Parameters
    ----------
    participant : Participant
    networks : sequence of Network
    n_shown : int
        Voxels of each ROI: the best ones out of fold.
    """
    data, rows, headers = {}, [], []
    for network in networks:
        features = extract(network, participant.images(participant.train))
        P = out_of_fold_products(features, participant.train.responses)
        weights = simplex_weights(P)
        error = np.einsum("vi,vij,vj->v", weights, P, weights)
        rois = {roi: best_voxels(-error, participant.roi(roi), n_shown) for roi in ROIS if roi in participant.rois}
        rows.append([(roi, *weights[voxels[0]], error[voxels[0]]) for roi, voxels in rois.items()])
        headers.append(("ROI", *features, "w'Pw"))
        shown = {roi: [_mixture(P[voxel], weights[voxel]) for voxel in voxels] for roi, voxels in rois.items()}
        data[network.name] = {"layers": tuple(features), "rois": shown}
    table = Table(headers[0], rows[0], f"Weights and error of {networks[0].name}'s stack, best voxel of each ROI")
    caption = (
        "Mixtures of three layers of a network, for some of the best voxels of each ROI. Dark: small error; star: the "
        "best mixture; circle: yours. Point into the triangle or move the sliders; menus put other layers on its "
        "corners."
    )
    return explorer("stacking", {"networks": data}, table, caption, style.data_warning(participant.source.simulated))


def _mixture(P: np.ndarray, weights: np.ndarray) -> dict[str, list]:
    return {"P": rounded(P, P_DIGITS), "w": rounded(weights, R_DIGITS)}
