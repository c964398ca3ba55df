"""Simulated participants of NSD: readouts of network layers, in the trial structure and with the noise of NSD.

Nobody was scanned. These participants let anyone run the analyses and check whether they find what was planted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache, partial

import numpy as np
from scipy.special import gammaincinv, ndtr

from lib.core.code import code_lines
from lib.core.device import find_device
from lib.core.disk import digest_of
from lib.core.kept import kept
from lib.core.scores import noise_ceiling
from lib.data.areas import EARLY
from lib.data.nsd import VOXEL_SIZE
from lib.data.participant import Images, Participant, Source, Space, Stimuli
from lib.data.trials import TRIALS_PER_SESSION, average_repeats, random_split, standardise_runs
from lib.networks import extract, load_network
from lib.networks.extraction import name_of
from lib.simulation import scenes
from lib.simulation.planting import (
    LESS,
    UNITS_DECODED,
    UNITS_READ,
    Layer,
    LayerAnswers,
    answers_of,
    planted_components,
    predictor,
    variation,
)
from lib.simulation.sheet import positions, sheet_noise, smooth_fields
from lib.simulation.sizes import NSD, ParticipantSize
from lib.simulation.worlds import World, find_world

N_REPEATS = 3
CONCENTRATION = 6.0  # of the Dirichlet distribution of the voxels' shares
MAP_WIDTH, TUNING_WIDTH = 3.0, 1.0  # voxels, over which shares and what else a voxel answers to change
STIMULUS_WORLD = 1000  # scenes that no miniature was trained on
OWN_IMAGES = 100_000  # ids of participant s start at s times this; the shared images' ids start at 0

Planted = tuple[tuple[Layer, ...], tuple[str, ...]]  # items of a profile, networks that are behind
Components = Mapping[Planted, np.ndarray]  # -> (n_images, n_directions)

VoxelShares = Mapping[str, Mapping[str, np.ndarray]]  # ROI -> {profile: (n_voxels,)}

# Noise ceiling signal-to-noise ratio (ncsnr) measured on NSD participant 1: quartiles, drawn out to 0 and the maximum.
NCSNR_QUANTILES = (0, 0.25, 0.5, 0.75, 1)
NCSNR_EARLY = (0, 0.31, 0.48, 0.63, 1.42)
NCSNR_HIGHER = (0, 0.30, 0.40, 0.53, 1.42)


@dataclass(frozen=True)
class Trials:
    """A simulated experiment before anything is averaged: the single trials, as a scanner would record them.

    Attributes
    ----------
    subject : int
    images : int array of shape (n_images,)
        Stimulus ids, ascending.
    betas : float32 array of shape (n_trials, n_voxels)
        Percent signal change.
    shown : int array of shape (n_trials,)
        Stimulus id of each trial.
    session : int array of shape (n_trials,), from 1
    ncsnr : array of shape (n_voxels,)
        Noise ceiling signal-to-noise ratio with which the voxels were simulated.
    rois : mapping of str to boolean array of shape (n_voxels,)
    positions : int array of shape (n_voxels, 3)
        In voxels, see `lib.simulation.sheet`.
    stimuli : Stimuli
    source : Source
    shares : mapping of ROI to {profile: array of shape (n_voxels_of_roi,)}
        How much of each profile of its world every voxel mixes.
    """

    subject: int
    images: np.ndarray
    betas: np.ndarray
    shown: np.ndarray
    session: np.ndarray
    ncsnr: np.ndarray
    rois: Mapping[str, np.ndarray]
    positions: np.ndarray
    stimuli: Stimuli
    source: Source
    shares: VoxelShares


def simulate(
    *,
    subject: int = 1,
    world: str = "as-published",
    seed: int = 0,
    n_images: int = NSD.default.n_images,
    voxels_per_roi: int = NSD.default.voxels_per_roi,
) -> Participant:
    """Simulate a participant of NSD: three presentations of each image, in sessions of 750 trials.

    Parameters
    ----------
    subject : int
        From 1; each participant sees images of their own and a tenth that all share.
    world : str
        What drives the voxels, one of `lib.simulation.worlds.WORLDS`.
    seed : int
        Another seed gives another set of images, voxels and noise.
    n_images : int
        The real participants saw 10,000.
    voxels_per_roi : int
        The real ROIs hold some hundreds to some thousands.

    Raises
    ------
    ValueError
        An unknown world, or a subject, seed or size that cannot be.
    """
    every = simulate_worlds([world], subject=subject, seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)
    return every[world]


def simulate_worlds(
    worlds: Iterable[str],
    *,
    subject: int = 1,
    seed: int = 0,
    n_images: int = NSD.default.n_images,
    voxels_per_roi: int = NSD.default.voxels_per_roi,
) -> dict[str, Participant]:
    """Simulate a participant in each of several worlds; the networks see the images once for all of them.

    Parameters
    ----------
    worlds : iterable of str
    subject, seed, n_images, voxels_per_roi : int
        As for `simulate`.
    """
    worlds, images = list(worlds), shown_pictures(subject, seed, n_images)
    components = components_of([find_world(world) for world in worlds], images)
    draw = partial(draw_trials, subject=subject, seed=seed, n_images=n_images, voxels_per_roi=voxels_per_roi)
    return {world: average_trials(draw(world=world, components=components)) for world in worlds}


def average_trials(trials: Trials) -> Participant:
    """Standardise trials within sessions, average repeats and hold out test images; overwrites the trials' betas."""
    standardise_runs(trials.betas, trials.session)
    train, test = random_split(trials.images)
    return Participant(
        name=f"simulated participant {trials.subject}",
        train=average_repeats(trials.betas, trials.shown, train),
        test=average_repeats(trials.betas, trials.shown, test),
        rois=trials.rois,
        noise_ceiling=noise_ceiling(trials.ncsnr, N_REPEATS),
        stimuli=trials.stimuli,
        source=trials.source,
        coordinates=VOXEL_SIZE * trials.positions,
        space=Space(tuple(trials.positions.max(0) + 1), np.diag([*[VOXEL_SIZE] * 3, 1]), trials.positions),
    )


def draw_trials(
    *, subject: int, world: str, seed: int, n_images: int, voxels_per_roi: int, components: Components | None = None
) -> Trials:
    """Simulate the single trials of a participant.

    Parameters
    ----------
    subject, seed, n_images, voxels_per_roi : int
    world : str
        As for `simulate`.
    components : mapping, optional
        Of the planted layers for these images (`components_of`), if they were computed before.
    """
    planted, pictures = find_world(world), shown_pictures(subject, seed, n_images)
    size = ParticipantSize(n_images, voxels_per_roi)
    rng = np.random.default_rng((seed, subject))
    ncsnr = draw_ncsnr(rng, planted.areas, voxels_per_roi)
    if components is None:
        components = components_of([planted], pictures)
    shares = draw_shares(rng, planted, voxels_per_roi)
    signal = planted_signal(rng, planted, shares, components, size)
    ncsnr = np.where(signal.any(0), ncsnr, 0.0)  # where nothing was planted, nothing can be explained
    betas, trial, session = run_sessions(rng, signal, ncsnr, len(planted.areas))
    return Trials(
        subject, pictures.stimulus_ids, betas, pictures.stimulus_ids[trial], session, ncsnr,
        consecutive_rois(planted.areas, voxels_per_roi), positions(len(planted.areas), voxels_per_roi),
        pictures.stimuli, simulated_source(world, planted), shares,
    )  # fmt: skip


def shown_pictures(subject: int, seed: int, n_images: int) -> Images:
    """All the pictures that a participant sees, in the order of their ids.

    Parameters
    ----------
    subject : int
        From 1.
    seed : int
        From 0.
    n_images : int
    """
    if subject < 1 or seed < 0:
        raise ValueError(f"subject must be at least 1 and seed at least 0, found {subject} and {seed}.")
    return Images(scene_stimuli(seed), shown_ids(subject, n_images))


def scene_stimuli(seed: int) -> Stimuli:
    """The pictures that simulated participants see, rendered when asked for."""
    return Stimuli(f"scenes-{STIMULUS_WORLD + seed}-{scene_code()}", partial(scenes.scene_image, STIMULUS_WORLD + seed))


@cache
def scene_code() -> str:
    """Digest of the code that renders scenes: other code may mean other pictures."""
    return digest_of(code_lines([scenes.__name__]))[:16]


def consecutive_rois(rois: Iterable[str], voxels_per_roi: int) -> dict[str, np.ndarray]:
    """Masks (n_voxels,) of ROIs that lie one after the other, all of one size."""
    rois = list(rois)
    return {roi: np.repeat([roi == other for other in rois], voxels_per_roi) for roi in rois}


def shown_ids(subject: int, n_images: int) -> np.ndarray:
    """Stimulus ids of a participant, shape (n_images,): first a tenth that all participants see, then their own."""
    shared = n_images // 10
    return np.r_[np.arange(shared), subject * OWN_IMAGES + np.arange(n_images - shared)]


def draw_ncsnr(rng: np.random.Generator, rois: Iterable[str], voxels_per_roi: int) -> np.ndarray:
    """Draw the noise ceiling signal-to-noise ratio of every voxel from the quantiles measured on NSD.

    Parameters
    ----------
    rng : Generator
    rois : iterable of str
    voxels_per_roi : int

    Returns
    -------
    array of shape (n_voxels,)
    """
    quantiles = [NCSNR_EARLY if roi in EARLY else NCSNR_HIGHER for roi in rois]
    return np.concatenate([np.interp(rng.random(voxels_per_roi), NCSNR_QUANTILES, q) for q in quantiles])


def components_of(worlds: Iterable[World], images: Images) -> Components:
    """Directions of every profile of some worlds, see `lib.simulation.planting`; the networks see the images once.

    Directions are kept and shared where COMPANION_RESULTS says (`lib.core.kept`).
    """
    profiles = {_key(world, name): profile for world in worlds for name, profile in world.profiles.items()}
    network = lru_cache(load_network)
    digest = lru_cache(lambda name: network(name).digest)

    def layers_of(name: str) -> list[str]:
        """Layers that a network is read at."""
        decoding, named = network(name).decoding_layers, {profile.get(name) for profile in profiles.values()}
        return list(decoding if named & {*decoding, LESS} else network(name).layers)

    @lru_cache
    def roots(name: str, decoded: bool) -> dict[Layer, np.ndarray]:
        """What a network's layers predict, or what their units vary with."""
        n_units, root = (UNITS_DECODED, variation) if decoded else (UNITS_READ, predictor)
        seen = extract(network(name), images, layers_of(name), n_units=n_units)
        return {(name, layer): root(activations) for layer, activations in seen.items()}

    @lru_cache(maxsize=1)  # a world's profiles name the same networks, and answers are large
    def answers(names: tuple[str, ...], decoded: bool) -> LayerAnswers:
        """How the layers of several networks answer."""
        return answers_of({layer: root for name in names for layer, root in roots(name, decoded).items()}, decoded)

    def depends(key: Planted) -> list[object]:
        """All that a profile's directions depend on besides the code."""
        read = [(name, digest(name), layers_of(name)) for name in sorted(profiles[key])]
        return [key, read, name_of(images), find_device("auto")]

    def directions(key: Planted) -> dict[str, np.ndarray]:
        """A profile's directions, computed now."""
        profile, (_, behind) = profiles[key], key
        found = answers(tuple(sorted(profile)), LESS in profile.values())
        return {"directions": planted_components(profile, found, behind)}

    return {key: kept(__name__, partial(depends, key), partial(directions, key))["directions"] for key in profiles}


def _key(world: World, name: str) -> Planted:
    """All that the directions of a world's profile depend on besides the images."""
    return tuple(world.profiles[name].items()), tuple(world.behind)


def draw_shares(rng: np.random.Generator, world: World, voxels_per_roi: int) -> VoxelShares:
    """How much of each profile every voxel mixes; neighbours are alike.

    Parameters
    ----------
    rng : Generator
    world : World
    voxels_per_roi : int
    """
    return {
        roi: dict(zip(shares, smooth_shares(rng, list(shares.values()), voxels_per_roi), strict=True)) if shares else {}
        for roi, shares in world.areas.items()
    }


def planted_signal(
    rng: np.random.Generator, world: World, shares: VoxelShares, components: Components, size: ParticipantSize
) -> np.ndarray:
    """Responses of the voxels before noise, each of unit variance or zero.

    Parameters
    ----------
    rng : Generator
    world : World
    shares : mapping of ROI to {profile: array of shape (n_voxels,)}
        See `draw_shares`.
    components : mapping
        Of the world's profiles (`components_of`).
    size : ParticipantSize

    Returns
    -------
    float32 array of shape (n_images, n_voxels)
    """
    signal = np.zeros((size.n_images, len(shares), size.voxels_per_roi), np.float32)
    for i, of_area in enumerate(shares.values()):
        if of_area:
            signal[:, i] = np.sqrt(world.unexplained) * smooth_fields(
                rng, size.n_images, size.voxels_per_roi, TUNING_WIDTH
            )
        for name, share in of_area.items():
            directions = components[_key(world, name)]
            mixed = directions @ smooth_fields(rng, directions.shape[1], size.voxels_per_roi, TUNING_WIDTH)
            signal[:, i] += np.sqrt((1 - world.unexplained) * share) * mixed / mixed.std(0)
    deviation = signal.std(0)
    return (signal / np.where(deviation > 0, deviation, 1)).reshape(size.n_images, -1)


def smooth_shares(rng: np.random.Generator, means: Sequence[float], n_voxels: int) -> np.ndarray:
    """Draw shares that sum to 1 in every voxel and vary smoothly over a sheet, by a Dirichlet distribution.

    Parameters
    ----------
    rng : Generator
    means : sequence of float
        Of the shares; they sum to 1.
    n_voxels : int

    Returns
    -------
    array of shape (n_shares, n_voxels)
    """
    ranks = ndtr(smooth_fields(rng, len(means), n_voxels, MAP_WIDTH).astype(float))
    gammas = gammaincinv(CONCENTRATION * np.array(means)[:, None], ranks)
    return np.asarray(gammas / gammas.sum(0))


def run_sessions(
    rng: np.random.Generator, signal: np.ndarray, ncsnr: np.ndarray, n_rois: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Show every image three times in random order and measure percent signal change.

    Every session has a gain and a baseline of its own, as real sessions do.

    Parameters
    ----------
    rng : Generator
    signal : array of shape (n_images, n_voxels)
    ncsnr : array of shape (n_voxels,)
    n_rois : int
        Of one size; neighbours within one share noise.

    Returns
    -------
    betas : float32 array of shape (n_trials, n_voxels)
    trial : int array of shape (n_trials,)
        Row of `signal` shown in each trial.
    session : int array of shape (n_trials,), from 1
    """
    trial = rng.permutation(np.repeat(np.arange(len(signal)), N_REPEATS))
    session = 1 + np.arange(len(trial)) // TRIALS_PER_SESSION
    betas = measure(rng, signal[trial], ncsnr, n_rois)
    for label in np.unique(session):
        betas[session == label] *= rng.uniform(0.8, 1.2)
        betas[session == label] += np.asarray(rng.normal(0.5, 0.2, signal.shape[1]), np.float32)
    return betas, trial, session


def measure(rng: np.random.Generator, signal: np.ndarray, ncsnr: np.ndarray, n_rois: int = 1) -> np.ndarray:
    """Add noise to the responses of single trials, so that each voxel has unit variance.

    Parameters
    ----------
    rng : Generator
    signal : array of shape (n_trials, n_voxels)
        Unit variance over images, or zero.
    ncsnr : array of shape (n_voxels,)
        A voxel with 0 is all noise.
    n_rois : int
        As for `run_sessions`.

    Returns
    -------
    float32 array of shape (n_trials, n_voxels)
    """
    noise = sheet_noise(rng, len(signal), n_rois, signal.shape[1] // n_rois)
    strength = np.asarray(ncsnr / np.sqrt(1 + ncsnr**2), np.float32)
    return strength * signal + np.sqrt(1 - strength**2) * noise


def simulated_source(name: str, world: World, module: str = __name__) -> Source:
    """The source of a participant that a module simulated in a world of this name.

    Parameters
    ----------
    name : str
    world : World
    module : str
        Its `__name__`.
    """
    return Source(
        dataset="simulated",
        description=f"world '{name}': {world.description}",
        origin=f"computed by {module}",
        licence="MIT",
        simulated=True,
        world=name,
    )
