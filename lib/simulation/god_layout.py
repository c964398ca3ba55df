"""Simulated participants on disk, laid out as GOD is published: SubjectN.h5, ImageFeatures.h5, a folder of images."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from lib.core import progress
from lib.data.god import COORDINATES, IMAGERY, PER_CATEGORY, TEST, TRAINING, GodFiles, image_name
from lib.data.participant import Participant, Responses, Source
from lib.simulation.nsd_layout import simulated_hdf5

_TRIALS_PER_RUN = {TRAINING: 50, TEST: 50, IMAGERY: 25}
_LABELS = ("DataType", "stimulus_id", "Run", "Block")


def write_god(participant: Participant, root: Path, subject: int) -> None:
    """Write a simulated participant's trials as SubjectN.h5.

    Parameters
    ----------
    participant : Participant
        With single test trials, imagery and coordinates.
    root : Path
        An existing folder.
    subject : int
        Number in the file's name.
    """
    parts = {TRAINING: participant.train, TEST: participant.test_trials, IMAGERY: participant.imagery}
    rows = [np.column_stack([part.responses, _labels(part, kind)]) for kind, part in parts.items() if part]
    path = GodFiles(root, subject).path("responses")
    write_bdata(path, np.concatenate(rows), _metadata(participant), participant.source)


def _labels(part: Responses, kind: int) -> np.ndarray:
    """Columns DataType, stimulus_id, Run and Block of a kind of trials, shape (n_trials, 4); runs count from 1."""
    run, block = np.divmod(np.arange(len(part)), _TRIALS_PER_RUN[kind])
    return np.column_stack([np.full(len(part), kind), part.stimulus_ids / PER_CATEGORY, run + 1, block + 1])


def _metadata(participant: Participant) -> dict[str, np.ndarray]:
    """For each key a value per column, NaN where it says nothing; voxels come first, then the labels."""
    voxels = {"VoxelData": np.ones(participant.n_voxels)}
    voxels |= dict(zip(COORDINATES, np.asarray(participant.coordinates).T, strict=True))
    voxels |= {f"ROI_{roi}": mask.astype(float) for roi, mask in participant.rois.items()}
    nothing = np.full(len(_LABELS), np.nan)
    metadata = {key: np.r_[values, nothing] for key, values in voxels.items()}
    for i, label in enumerate(_LABELS):
        metadata[label] = np.full(participant.n_voxels + len(_LABELS), np.nan)
        metadata[label][participant.n_voxels + i] = 1
    return metadata


def write_bdata(path: Path, dataset: np.ndarray, metadata: Mapping[str, np.ndarray], source: Source) -> None:
    """Write a BData file as bdpy does.

    Parameters
    ----------
    path : Path
    dataset : float array of shape (n_samples, n_columns)
    metadata : mapping of key to array of shape (n_columns,)
    source : Source
        Kept in an attribute, so that the file says that it was simulated.
    """
    keys = [key.encode() for key in metadata]
    with simulated_hdf5(path, source) as file:
        file["dataset"] = dataset.astype(np.float64)
        file["metadata/key"] = keys
        file["metadata/description"] = [b"simulated: " + key for key in keys]
        file["metadata/value"] = np.array(list(metadata.values()))


def write_features(participant: Participant, root: Path, layers: Mapping[str, np.ndarray]) -> None:
    """Write ImageFeatures.h5: a network's activations for the training and test images.

    Parameters
    ----------
    participant : Participant
    root : Path
    layers : mapping of layer (cnn1 .. cnn8) to array of shape (n_images, n_units)
        Training images first, in the order of `participant.train` and `participant.test`.
    """
    ids = np.r_[participant.train.stimulus_ids, participant.test.stimulus_ids]
    kind = np.repeat([TRAINING, TEST], [len(participant.train), len(participant.test)])
    columns = {**layers, "ImageID": ids / PER_CATEGORY, "CatID": ids // PER_CATEGORY, "FeatureType": kind}
    columns = {key: np.asarray(values, float).reshape(len(ids), -1) for key, values in columns.items()}
    owner = np.repeat(list(columns), [values.shape[1] for values in columns.values()])
    metadata = {key: np.where(owner == key, 1, np.nan) for key in columns}
    write_bdata(GodFiles(root, 1).path("features"), np.hstack(list(columns.values())), metadata, participant.source)


def write_images(participant: Participant, root: Path) -> None:
    """Write the images that were shown; without loss, where the real ones are JPEG, so that networks see the same."""
    for part, name in ((participant.train, "training"), (participant.test, "test")):
        folder = GodFiles(root, 1).path("images") / name
        folder.mkdir(parents=True)
        for image_id in progress(part.stimulus_ids.tolist(), f"writing {name} images"):
            Image.fromarray(participant.stimuli[image_id]).save(folder / f"{image_name(image_id)}.png")
