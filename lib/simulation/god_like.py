"""Simulated participants in the trial structure of Generic Object Decoding (Horikawa & Kamitani 2017).

1200 training images shown once, eight of each of 150 categories; 50 test images of other categories shown 35 times; and
these categories imagined 10 times each. The categories are invented objects, which no network was trained to name.
Nobody was scanned, and nobody imagined anything: "imagery" is the response to the category's test image at half
strength. Noise is that of NSD, since none is published for GOD.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np

from lib.data.god import N_SUBJECTS, PER_CATEGORY, make_participant
from lib.data.participant import Images, Participant, Responses, Stimuli
from lib.simulation import nsd_like, scenes
from lib.simulation.nsd_like import STIMULUS_WORLD, Components, measure
from lib.simulation.sheet import positions
from lib.simulation.sizes import GOD, ParticipantSize
from lib.simulation.worlds import GOD_HIGHER, GOD_LOWER, GOD_ROIS, find_god_world

N_TEST, N_TEST_REPEATS, N_IMAGINED = 50, 35, 10
IMAGES_PER_CATEGORY = 8  # in training
FIRST_CATEGORY, FIRST_TEST_CATEGORY = 1_000_000, 2_000_000
IMAGERY_STRENGTH = 0.5
GOD_VOXEL_SIZE = 3.0  # millimetres


def simulate_god(
    *,
    subject: int = 1,
    world: str = "as-published",
    seed: int = 0,
    n_images: int = GOD.default.n_images,
    voxels_per_roi: int = GOD.default.voxels_per_roi,
    components: Components | None = None,
) -> Participant:
    """Simulate a participant of GOD.

    Parameters
    ----------
    subject : int
        1 to 5; all see the same images.
    world : str
        What drives the voxels, one of `lib.simulation.worlds.GOD_WORLDS`.
    seed : int
        Another seed gives another set of images, voxels and noise.
    n_images : int
        For training; test images are always 50.
    voxels_per_roi : int
        Of V1, V2, V3, V4, LOC, FFA, PPA, and of the rest of HVC. About 550 give the size of the measured ones.
    components : mapping, optional
        Of the planted layers (`components_of`), if they were computed before.

    Raises
    ------
    ValueError
        An unknown world, or a subject, seed or size that cannot be.
    """
    if subject not in range(1, N_SUBJECTS + 1) or seed < 0:
        raise ValueError(f"GOD has participants 1 to {N_SUBJECTS} and seeds from 0, found {subject} and {seed}.")
    ParticipantSize(n_images, voxels_per_roi)  # refuses what cannot be
    planted, pictures = find_god_world(world), god_pictures(seed, n_images)
    rng, ids = np.random.default_rng((seed, subject, N_TEST_REPEATS)), pictures.stimulus_ids
    ncsnr = nsd_like.draw_ncsnr(rng, GOD_ROIS, voxels_per_roi)
    components = nsd_like.components_of([planted], pictures) if components is None else components
    shares = nsd_like.draw_shares(rng, planted, voxels_per_roi)
    size = ParticipantSize(len(ids), voxels_per_roi)
    signal = nsd_like.planted_signal(rng, planted, shares, components, size)
    tested, imagined = (
        n_images + rng.permutation(np.repeat(np.arange(N_TEST), n)) for n in (N_TEST_REPEATS, N_IMAGINED)
    )
    imagery = measure(rng, IMAGERY_STRENGTH * signal[imagined], ncsnr, len(GOD_ROIS))
    training = rng.permutation(n_images)
    return make_participant(
        name=f"simulated participant {subject}",
        train=_single_trials(ids[training], measure(rng, signal[training], ncsnr, len(GOD_ROIS))),
        test_trials=_single_trials(ids[tested], measure(rng, signal[tested], ncsnr, len(GOD_ROIS))),
        imagery=_single_trials(ids[imagined] // PER_CATEGORY * PER_CATEGORY, imagery),
        rois=god_rois(voxels_per_roi),
        coordinates=GOD_VOXEL_SIZE * positions(len(GOD_ROIS), voxels_per_roi),
        stimuli=pictures.stimuli,
        source=nsd_like.simulated_source(world, planted, __name__),
    )


def simulate_god_worlds(
    worlds: Iterable[str],
    *,
    subjects: Iterable[int] = range(1, N_SUBJECTS + 1),
    seed: int = 0,
    n_images: int = GOD.default.n_images,
    voxels_per_roi: int = GOD.default.voxels_per_roi,
) -> dict[str, list[Participant]]:
    """Simulate the participants of some worlds; the networks see the images, which all share, once.

    Parameters
    ----------
    worlds : iterable of str
    subjects : iterable of int
    seed, n_images, voxels_per_roi : int
        As for `simulate_god`.
    """
    worlds, subjects = list(worlds), list(subjects)
    components = nsd_like.components_of([find_god_world(world) for world in worlds], god_pictures(seed, n_images))
    draw = partial(simulate_god, seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi, components=components)
    return {world: [draw(subject=subject, world=world) for subject in subjects] for world in worlds}


def god_pictures(seed: int, n_images: int) -> Images:
    """All the pictures a participant sees: for training, then the 50 of the test, invented objects in rendered scenes.

    Ids are invented, too: training categories from 1,000,000, eight images each, and for each test image a category of
    its own. The image number is the scene's.
    """
    scene = np.arange(n_images + N_TEST)
    training, test = FIRST_CATEGORY + scene // IMAGES_PER_CATEGORY, FIRST_TEST_CATEGORY + scene - n_images
    ids = np.where(scene < n_images, training, test) * PER_CATEGORY + scene
    key = f"god-things-{STIMULUS_WORLD + seed}-{nsd_like.scene_code()}"
    return Images(Stimuli(key, partial(_rendered, STIMULUS_WORLD + seed)), ids)


def _rendered(seed: int, image_id: int) -> np.ndarray:
    category, index = divmod(image_id, PER_CATEGORY)
    return scenes.scene_image(seed, index, category)


def god_rois(voxels_per_roi: int) -> dict[str, np.ndarray]:
    """Masks (n_voxels,) of V1 .. PPA and of LVC, HVC and VC, which hold them; HVC is more than LOC, FFA and PPA."""
    single = nsd_like.consecutive_rois(GOD_ROIS, voxels_per_roi)
    unions = {"LVC": GOD_LOWER, "HVC": GOD_HIGHER, "VC": GOD_ROIS}
    rois = single | {name: np.any([single[part] for part in parts], axis=0) for name, parts in unions.items()}
    return {name: mask for name, mask in rois.items() if name != "elsewhere"}


def _single_trials(ids: np.ndarray, responses: np.ndarray) -> Responses:
    return Responses(ids, responses, np.ones(len(ids), int))
