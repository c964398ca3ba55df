"""Plant it yourself: a reader chooses what drives an area, and watches what the analysis makes of it.

The page holds a few principal components of each layer, and book/assets/plant.js plants voxels in them, adds noise, and
does what `lib.analysis.encoding.fit_encoding` and `lib.claims` do. `plant_area` plants the same voxels here: the table
that stands where no script runs comes from the library itself, and so do the numbers that the script is tested against.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from IPython.display import HTML

from lib.analysis.encoding import EncodingResult, fit_encoding
from lib.claims import SMALLEST_EFFECTS
from lib.claims.claim import CONFIDENCE, UNTESTED, Contrast, contrast
from lib.core.scores import IMAGE_GROUPS, noise_ceiling, signed_root, t_quantile
from lib.core.tables import Table
from lib.figures import style
from lib.figures.explorers import explorer
from lib.networks import Network, extract
from lib.solvers.ridge import ALPHAS

N_STORED = 400  # images: the page stores what every layer answers to each
_N_TRAIN = 300  # of them, at most; the others are test images
N_COMPONENTS = 16  # of a layer
N_VOXELS = 20  # of the area
_N_FOLDS = 5


@dataclass(frozen=True)
class Planting:
    """What a reader can set.

    Attributes
    ----------
    parts : sequence of n_layers + 1 numbers
        How much each layer drives the voxels, in any unit, and last what no layer holds. All zero: only noise.
    ncsnr : float
        Standard deviation of the signal over that of a single trial's noise.
    images : int
        Training images, a multiple of `lib.core.scores.IMAGE_GROUPS`.
    repeats : int
        Trials of each image, averaged.
    seed : int
        Another one draws other voxels and other noise.
    """

    parts: Sequence[float]
    ncsnr: float = 0.4
    images: int = 200
    repeats: int = 3
    seed: int = 0


def stored_components(activations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest principal components of a layer in steps of a 127th of their largest value.

    Parameters
    ----------
    activations : array of shape (n_images, n_units)

    Returns
    -------
    int8 array of shape (n_images, N_COMPONENTS)
    array of shape (N_COMPONENTS,)
        The step of each component.
    """
    centred = activations - activations.mean(0, dtype=np.float64)
    U, s, _ = np.linalg.svd(centred, full_matrices=False)
    components = (U * s)[:, :N_COMPONENTS]
    step = np.round(np.abs(components).max(0) / 127, 6)
    return np.round(components / step).astype(np.int8), step


def draw_normals(seed: int, n_rows: int, n_columns: int) -> np.ndarray:
    """Standard normal numbers that a script can draw as well: mulberry32 (Ettinger 2017), Box & Muller (1958).

    Parameters
    ----------
    seed, n_rows, n_columns : int

    Returns
    -------
    array of shape (n_rows, n_columns)
    """
    state = (seed + np.arange(1, 2 * n_rows * n_columns + 1, dtype=np.uint64) * 0x6D2B79F5).astype(np.uint32)
    mixed = (state ^ (state >> 15)) * (state | 1)
    mixed ^= mixed + (mixed ^ (mixed >> 7)) * (mixed | 61)
    radius, angle = ((mixed ^ (mixed >> 14)) / 2**32).reshape(-1, 2).T
    normal = np.sqrt(-2 * np.log(1 - radius)) * np.cos(2 * np.pi * angle)
    return np.asarray(normal).reshape(n_rows, n_columns)


def plant_area(features: Mapping[str, np.ndarray], planting: Planting) -> np.ndarray:
    """Responses of an area's voxels to all images, averaged over repeats.

    A voxel's signal is a sum of random mixtures of the layers' components, weighed so that each layer has its share of
    the variance, were the layers independent.

    Parameters
    ----------
    features : mapping of layer to array of shape (n_images, n_components)
    planting : Planting

    Returns
    -------
    array of shape (n_images, N_VOXELS)
    """
    first = 1000 * planting.seed
    n_images = len(next(iter(features.values())))
    mixtures = [X / X.std(0) @ draw_normals(first + k, X.shape[1], N_VOXELS) for k, X in enumerate(features.values())]
    mixtures.append(draw_normals(first + len(features), n_images, N_VOXELS))
    shares = np.sqrt(np.asarray(planting.parts) / (sum(planting.parts) or 1))
    signal = sum(share * _unit(mixture) for share, mixture in zip(shares, mixtures, strict=True))
    trials = [draw_normals(first + 100 + r, n_images, N_VOXELS) for r in range(planting.repeats)]
    strength = planting.ncsnr / np.hypot(1, planting.ncsnr) if any(planting.parts) else 0.0
    return strength * _unit(signal) + np.sqrt(1 - strength**2) * np.mean(trials, axis=0)


def _unit(values: np.ndarray) -> np.ndarray:
    """Columns of mean 0 and variance 1; those that do not vary stay 0."""
    centred = values - values.mean(0)
    return np.asarray(centred / np.where(centred.any(0), centred.std(0), 1))


def analyse_area(features: Mapping[str, np.ndarray], planting: Planting) -> EncodingResult:
    """What the analysis of the planted area finds, as `lib.analysis.encoding.fit_encoding` does it.

    Parameters
    ----------
    features : mapping of layer to array of shape (N_STORED, n_components)
    planting : Planting
    """
    y, n = plant_area(features, planting), planting.images
    train, test = ({layer: X[part] for layer, X in features.items()} for part in (slice(n), slice(_N_TRAIN, None)))
    return fit_encoding(train, y[:n], test, y[_N_TRAIN:], n_folds=_N_FOLDS)


def claim_of_layer(result: EncodingResult, measure: str, layer: str) -> tuple[Contrast, str]:
    """The claim that a layer exceeds every other one: its contrast, each voxel drawn by itself, and its outcome.

    Parameters
    ----------
    result : EncodingResult
    measure : "weights" or "score"
    layer : str
    """
    scores, weights = (np.asarray(known) for known in (result.score_by_images, result.weights_by_images))
    known = weights if measure == "weights" else scores[:-1]
    others = [k for k in range(len(known)) if k != result.layer(layer)]
    voxels = np.arange(known.shape[-1])
    lead = contrast((known[result.layer(layer)] - known[others])[None], voxels, measure)
    predicted = contrast(scores[-1][None, None], voxels, "score").interval().low > 0
    return lead, lead.outcome(SMALLEST_EFFECTS[measure].value) if predicted else UNTESTED


def plant_explorer(network: Network, images: Sequence[np.ndarray], parts: Mapping[str, float], claimed: str) -> HTML:
    """An area for the reader to plant: layers, noise, images, repeats; scores, weights, ceiling and verdict follow.

    Parameters
    ----------
    network : Network
    images : sequence of N_STORED images
    parts : mapping of layer to number
        What drives the voxels at first, see `Planting`.
    claimed : str
        The layer that is claimed to lead, at first.

    Raises
    ------
    ValueError
        Another number of images.
    """
    if len(images) != N_STORED:
        raise ValueError(f"images: expected {N_STORED}, which the page stores, found {len(images)}.")
    stored = {layer: stored_components(X) for layer, X in extract(network, images).items()}
    start = Planting([parts.get(layer, 0) for layer in (*stored, "no layer")])
    result = analyse_area({layer: steps * step for layer, (steps, step) in stored.items()}, start)
    caption = (
        f"{N_VOXELS} simulated voxels: weighted sums of {N_COMPONENTS} principal components of each layer of "
        f"{network.name}, and noise. Set what drives the voxels and how they are measured: your browser runs the "
        "analysis of this book. Pale lines are voxels (drawn at −0.4 where R is lower); the strong line is their mean, "
        "or the voxel you point at."
    )
    warning = style.data_warning(simulated=True)
    numbers, table = _stored_numbers(stored, start, claimed), _table(result, start, claimed)
    return explorer("plant", numbers, table, caption, warning, _picture(result, start))


def _stored_numbers(
    stored: Mapping[str, tuple[np.ndarray, np.ndarray]], start: Planting, claimed: str
) -> dict[str, object]:
    def packed(name: str, steps: np.ndarray, step: np.ndarray) -> dict[str, object]:
        """A layer as the page's script reads it."""
        return {"name": name, "values": base64.b64encode(steps.tobytes()).decode(), "step": step.tolist()}

    df, n_others = min(IMAGE_GROUPS, N_VOXELS) - 1, len(stored) - 1
    return {
        "layers": [packed(name, *one) for name, one in stored.items()],
        "start": asdict(start) | {"claimed": claimed},
        "width": N_COMPONENTS,
        "voxels": N_VOXELS,
        "train": _N_TRAIN,
        "folds": _N_FOLDS,
        "groups": IMAGE_GROUPS,
        "alphas": ALPHAS.tolist(),
        "quantiles": [t_quantile(df, CONFIDENCE), t_quantile(df, 1 - (1 - CONFIDENCE) / n_others)],
        "smallest": {"weights": SMALLEST_EFFECTS["weights"].value, "scores": SMALLEST_EFFECTS["score"].value},
    }


def _table(result: EncodingResult, start: Planting, claimed: str) -> Table:
    """What stands on the page where no script runs."""
    shares = np.asarray(start.parts) / sum(start.parts)
    rows = list(zip(result.layers, shares, result.score.mean(1), result.weights.mean(1), strict=False))
    rows.append(("no layer", shares[-1], None, None))
    lead, outcome = claim_of_layer(result, "weights", claimed)
    ceiling = signed_root(noise_ceiling(np.array(start.ncsnr), start.repeats))
    words = (
        f"ncsnr {start.ncsnr}, {start.images} training images, {start.repeats} repeats: the stack reaches R "
        f"{result.stacked_score.mean():.2f}, the noise ceiling is R {ceiling:.2f}. That {claimed} has the largest "
        f"weight: {outcome}, {lead.interval()}"
    )
    return Table(("layer", "planted share", "mean R", "mean stacking weight"), rows, words)


def _picture(result: EncodingResult, start: Planting) -> str:
    """Planted shares and mean stacking weights as bars."""
    shares, parts = np.asarray(start.parts[:-1]) / sum(start.parts), []
    for values, left, colour in ((shares, 8, style.COLOURS[1]), (result.weights.mean(1), 25, style.COLOURS[0])):
        bars = [(50 * i + left, round(100 * value)) for i, value in enumerate(values)]
        parts += [f'<rect x="{x}" y="{130 - y}" width="16" height="{y}" fill="{colour}"/>' for x, y in bars]
    names = [f'<text x="{50 * i + 25}" y="146" class="middle">{name}</text>' for i, name in enumerate(result.layers)]
    words = "Left bars: planted share; right bars: mean stacking weight"
    return (
        f'<svg viewBox="0 0 {50 * len(names)} 152" role="img" aria-label="{words}, numbers in the table below">'
        f'<text x="0" y="14">{words}</text>{"".join(parts + names)}</svg>'
    )
