"""Encoding studies whose true scores and weights are known: what intervals are calibrated on.

No picture and no network is involved. A voxel answers to components of the images; each layer's prediction weighs the
same components a little wrongly. Voxels lie on a sheet of cortex: what they answer to, what layers get wrong, and the
noise are all alike in neighbours, and every voxel of a study saw the same images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from lib.analysis.encoding import EncodingResult, LayerFit, stack_layers
from lib.analysis.encoding_study import EncodingStudy
from lib.core.scores import signed_root
from lib.data import Participant, Responses, Source, Stimuli
from lib.solvers.stacking import simplex_weights

SMOOTHNESS = 1.0  # voxels, of the Gaussian by which neighbours are alike: 4 mm full width at 1.8 mm
NOISE = 2.0  # variance, in units of a typical voxel's signal


@dataclass(frozen=True)
class KnownStudy:
    """An encoding study as drawn, and as it would be with infinitely many images.

    Attributes
    ----------
    drawn, true : EncodingStudy
        Their voxels are chosen alike.
    """

    drawn: EncodingStudy
    true: EncodingStudy


@dataclass(frozen=True)
class KnownSize:
    """Sizes of a `KnownStudy`.

    Attributes
    ----------
    n_images, n_test : int
        For training and for testing.
    sheet : int
        Voxels along each side of an area.
    n_best : int
    n_components : int
        Of the images.
    """

    n_images: int = 300
    n_test: int = 100
    sheet: int = 24
    n_best: int = 200
    n_components: int = 20


def known_study(
    rng: np.random.Generator,
    qualities: Mapping[str, Sequence[float]],
    rois: Sequence[str] = ("V1",),
    size: KnownSize = KnownSize(),
) -> KnownStudy:
    """Draw a study of which the truth is known.

    Parameters
    ----------
    rng : Generator
    qualities : mapping of network to the share of the signal that each of its layers captures
        Layers are called Conv-1, Conv-2, ...
    rois : names
    size : KnownSize
    """
    n_voxels, areas = len(rois) * size.sheet**2, len(rois)
    signal = _fields(rng, size.n_components, areas, size.sheet) * np.exp(0.3 * _fields(rng, 1, areas, size.sheet))
    signal /= np.sqrt(size.n_components)
    images = [rng.standard_normal((n, size.n_components)) for n in (size.n_images, size.n_test)]
    noise = [np.sqrt(NOISE) * _fields(rng, len(one), areas, size.sheet) for one in images]
    scale = np.sqrt((signal**2).sum(0) + NOISE)  # of the responses
    drawn, true = {}, {}
    for network, quality in qualities.items():
        wrong = [_wrong(rng, signal, share, areas, size) for share in quality]  # signal minus prediction
        errors = [(images[0] @ one + noise[0]) / scale for one in wrong]
        predictions = [images[1] @ (signal - one) / scale for one in wrong]
        fits = [
            LayerFit(torch.from_numpy(e), torch.from_numpy(p), torch.ones(n_voxels))
            for e, p in zip(errors, predictions, strict=True)
        ]
        layers = tuple(f"Conv-{i + 1}" for i in range(len(quality)))
        arrays: dict[str, Any] = stack_layers(fits, (images[1] @ signal + noise[1]) / scale)
        found = EncodingResult(layers, **arrays)
        drawn[network], true[network] = found, _limit(found, np.stack(wrong), scale)
    brain = _sheets(rois, size.sheet)
    return KnownStudy(EncodingStudy(brain, drawn, size.n_best), EncodingStudy(brain, true, size.n_best))


def _fields(rng: np.random.Generator, n: int, areas: int, sheet: int) -> np.ndarray:
    """Smooth random fields of unit variance over the sheets of all areas, shape (n, n_voxels)."""
    white = rng.standard_normal((n, areas, sheet, sheet))
    smooth = gaussian_filter(white, (0, 0, SMOOTHNESS, SMOOTHNESS), mode="wrap")
    return np.asarray(2 * np.sqrt(np.pi) * SMOOTHNESS * smooth.reshape(n, -1))


def _wrong(rng: np.random.Generator, signal: np.ndarray, share: float, areas: int, size: KnownSize) -> np.ndarray:
    """What a layer that captures a share of the signal gets wrong, shape (n_components, n_voxels)."""
    own = _fields(rng, size.n_components, areas, size.sheet) / np.sqrt(size.n_components)
    return np.asarray((1 - share) * signal + np.sqrt(share * (1 - share)) * own)


def _limit(found: EncodingResult, wrong: np.ndarray, scale: np.ndarray) -> EncodingResult:
    """The result with infinitely many images: scores of the stack as drawn, true weights; voxels rank as drawn."""
    P = (np.einsum("kcv,lcv->vkl", wrong, wrong) + NOISE) / scale[:, None, None] ** 2
    score = signed_root(1 - np.einsum("vkk->kv", P))
    stacked = signed_root(1 - np.einsum("kv,vkl,lv->v", found.weights, P, found.weights))
    nothing: dict[str, Any] = {"score_by_images": None, "weights_by_images": None}
    return replace(found, score=score, stacked_score=stacked, weights=simplex_weights(P).T, **nothing)


def _sheets(rois: Sequence[str], sheet: int) -> Participant:
    """Who has these areas, side by side."""
    grid = np.stack(np.meshgrid(np.arange(len(rois)) * 1000, *[np.arange(sheet)] * 2, indexing="ij"), -1)
    n_voxels = len(rois) * sheet**2
    nothing = Responses(np.zeros(0, int), np.zeros((0, n_voxels)), np.zeros(0, int))
    return Participant(
        name="known",
        rois={roi: np.repeat([roi == other for other in rois], sheet**2) for roi in rois},
        noise_ceiling=np.full(n_voxels, np.nan),
        source=Source("simulated", "known truth", "lib.analysis.known", "MIT", simulated=True),
        train=nothing,
        test=nothing,
        stimuli=Stimuli("none", lambda _: np.zeros((1, 1, 3), np.uint8)),
        coordinates=grid.reshape(-1, 3).astype(float),
    )
