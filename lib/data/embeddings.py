"""Public embeddings of LAION-fMRI's photographs, which can stand in for a network: they need no form."""

import os
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from lib.core.validation import matrix
from lib.data.features import ImageFeatures, rows_of
from lib.data.files import read_file, require_equal, require_folder
from lib.data.laion import SUBJECTS, LaionFiles, stimulus_ids

EMBEDDINGS = ("CLIP", "DINOv2", "PEcore", "SigLIP2")


def read_embeddings(data_root: str | os.PathLike | None, wanted: np.ndarray) -> ImageFeatures:
    """Read the public embeddings that are there, to be used as the layers of one more network.

    Rows are found by the pictures' names.

    Parameters
    ----------
    data_root : path
    wanted : int array of shape (n_images,)
        Stimulus ids, as of `load_laion`.

    Returns
    -------
    ImageFeatures
        Layers are those of `EMBEDDINGS` that are there, float32 arrays of shape (n_images, n_features).

    Raises
    ------
    FileNotFoundError
        None is there.
    ValueError
        A file is not as expected, or has no valid row for a picture.
    """
    files = LaionFiles(require_folder(data_root, "derivatives and stimuli"), SUBJECTS[0])
    paths = {model: files.path("embedding", model=model) for model in EMBEDDINGS}
    there = {model: path for model, path in paths.items() if path.exists()}
    if not there:
        first = paths[EMBEDDINGS[0]]
        raise FileNotFoundError(f"{first}: expected embeddings of {', '.join(EMBEDDINGS)}, at least one, found none.")
    expected = "HDF5 datasets embedding, image_ids and valid"
    return ImageFeatures(
        wanted, {model: read_file(path, expected, partial(_embedding, wanted=wanted)) for model, path in there.items()}
    )


def _embedding(path: Path, wanted: np.ndarray) -> np.ndarray:
    with h5py.File(path) as file:
        names, valid = file["image_ids"].asstr()[()], file["valid"][()].astype(bool)
        lengths = (len(valid), len(file["embedding"]))
        require_equal(path, "the numbers of rows of valid and embedding", (len(names), len(names)), lengths)
        rows = rows_of(wanted, stimulus_ids(names), str(path))
        require_equal(path, "the number of pictures shown whose embedding is not valid", 0, int((~valid[rows]).sum()))
        return matrix(str(path), file["embedding"][()][rows], dtype=np.float32)
