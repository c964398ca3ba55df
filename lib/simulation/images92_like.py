"""A stand-in for the measured dissimilarities of 92 photographs: scenes and invented people."""

import numpy as np

from lib.data.images92 import N_IMAGES, N_PARTICIPANTS, Images92
from lib.data.kay2017 import Kay2017
from lib.data.layouts import DESCRIPTIONS
from lib.data.participant import Source
from lib.simulation.scenes import OBJECTS, render_many

STAND_IN, FFA_STAND_IN = (
    Source(dataset, **DESCRIPTIONS[dataset]["stand_in"], licence="CC BY 4.0", simulated=True)
    for dataset in ("images92", "kay2017")
)


def simulate_images92(seed: int = 92) -> Images92:
    """A stand-in in the form of the measured data.

    Planted: EVC separates images by their pixels, IT by their object, animate or not; each participant adds
    noise of their own, so that the noise ceilings are near the measured ones.
    """
    scenes = render_many(seed, range(N_IMAGES))
    order = np.argsort(scenes.object_label, kind="stable")
    images, label = scenes.image[order], scenes.object_label[order]
    category = np.array(OBJECTS)[label]
    face = category == "face"
    animal = face | (category == "dog")
    planted = {"EVC": 1 - np.corrcoef(images[:, ::4, ::4].reshape(N_IMAGES, -1)), "IT": _semantic(label, animal)}
    rng = np.random.default_rng(seed)
    rdms = {roi: _with_noise(planted[roi], noise, rng) for roi, noise in (("EVC", 3.5), ("IT", 1.6))}
    return Images92(images, category, face, face, animal, animal | (category == "tree"), rdms, STAND_IN)


def _semantic(label: np.ndarray, animal: np.ndarray) -> np.ndarray:
    return 0.5 * (label[:, None] != label) + 0.5 * (animal[:, None] != animal)


def _with_noise(planted: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Dissimilarities (15, n, n) around the planted ones (n, n); noise in units of their spread."""
    scale = noise * planted[np.triu_indices(len(planted), 1)].std()
    upper = np.triu(rng.normal(0, scale, (N_PARTICIPANTS, *planted.shape)), 1)
    rdms = np.clip(planted + upper + upper.swapaxes(1, 2), 0, 2)
    return rdms * ~np.eye(len(planted), dtype=bool)


def simulate_kay2017(images: Images92, seed: int = 2017) -> Kay2017:
    """Responses of two invented areas to the stand-in's images.

    Planted: FFA answers to faces and a little to animals, VWFA to nothing; both with noise of the measured size.

    Parameters
    ----------
    images : Images92
    seed : int
    """
    rng, noise = np.random.default_rng(seed), 0.1
    planted = {"FFA": 0.6 * images.face + 0.2 * images.animal + 0.5, "VWFA": np.full(N_IMAGES, 0.3)}
    betas = {area: signal + rng.normal(0, noise, N_IMAGES) for area, signal in planted.items()}
    errors = dict.fromkeys(betas, np.full(N_IMAGES, noise))
    bootstraps = {area: values + rng.normal(0, noise, (100, N_IMAGES)) for area, values in betas.items()}
    return Kay2017(images.images, betas, errors, bootstraps, FFA_STAND_IN)
