"""92 photographs, and the dissimilarities of 15 people's responses to them: measured, small and free.

The photographs are those of Kriegeskorte et al. (2008), the responses those of Cichy et al. (2014), as the
Algonauts project shared them in 2019. Without the two files a stand-in of the same form is simulated, and
says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from scipy.io import loadmat

from lib.data.files import read_file, require_equal
from lib.data.layouts import source_of
from lib.data.participant import Source

N_IMAGES = 92
N_PARTICIPANTS = 15
AREAS = ("EVC", "IT")
FLAGS = ("human", "face", "animal", "natural")


@dataclass(frozen=True)
class Images92:
    """Images, their categories, and the dissimilarities of the responses to them.

    Attributes
    ----------
    images : uint8 array of shape (n_images, height, width, 3)
        On grey; (92, 64, 64, 3) in the stand-in.
    category : str array of shape (92,)
        Six categories, neighbours in the array; the stand-in's are its objects.
    human, face, animal, natural : boolean arrays of shape (92,)
    rdms : mapping of "EVC" and "IT" to arrays of shape (15, 92, 92)
        Early visual and inferior temporal cortex of each participant: 1 - Pearson r (0..2) of voxels.
    source : Source
    """

    images: np.ndarray
    category: np.ndarray
    human: np.ndarray
    face: np.ndarray
    animal: np.ndarray
    natural: np.ndarray
    rdms: Mapping[str, np.ndarray]
    source: Source


def read_images92(photographs: Path, responses: Path) -> Images92:
    """Read the two published files.

    Parameters
    ----------
    photographs : Path
        Kriegeskorte_Neuron2008_supplementalData.mat: `stimuli_92objs`, 92 times image, category and flags.
    responses : Path
        target_fmri.mat (MATLAB 7.3, so HDF5): `EVC_RDMs` and `IT_RDMs`, as h5py shows them (92, 92, 15).

    Raises
    ------
    ValueError
        Names the file, what was expected and what was found.
    """
    entries = read_file(photographs, "MATLAB 5 struct stimuli_92objs", _entries)
    rdms = read_file(responses, "MATLAB 7.3 arrays EVC_RDMs and IT_RDMs", _matrices)
    require_equal(photographs, "stimuli_92objs", (N_IMAGES,), (len(entries),))
    kinds = {f"{np.asarray(entry['image']).dtype} {np.shape(entry['image'])}" for entry in entries}
    require_equal(photographs, "each image", {"uint8 (175, 175, 3)"}, kinds)
    for area, matrices in rdms.items():
        _check_rdms(responses, f"{area}_RDMs", matrices)
    return Images92(
        images=np.stack([entry["image"] for entry in entries]),
        category=np.array([entry["category"] for entry in entries]),
        **{flag: np.array([entry[flag] for entry in entries]) for flag in FLAGS},
        rdms={area: np.moveaxis(matrices, -1, 0) for area, matrices in rdms.items()},
        source=source_of("images92"),
    )


def _entries(path: Path) -> list[dict[str, Any]]:
    entries = list(loadmat(path, simplify_cells=True)["stimuli_92objs"])
    missing = {"image", "category", *FLAGS} - set(entries[0])
    if missing:
        raise KeyError(f"no field {', '.join(sorted(missing))}")
    return [entry | {flag: bool(entry[flag]) for flag in FLAGS} for entry in entries]


def _matrices(path: Path) -> dict[str, np.ndarray]:
    with h5py.File(path) as file:
        return {area: file[f"{area}_RDMs"][()] for area in AREAS}


def _check_rdms(path: Path, name: str, rdms: np.ndarray) -> None:
    require_equal(path, f"the shape of {name}", (N_IMAGES, N_IMAGES, N_PARTICIPANTS), rdms.shape)
    require_equal(path, f"the number of values in {name} that are not finite", 0, int((~np.isfinite(rdms)).sum()))
    asymmetry = float(np.abs(rdms - rdms.swapaxes(0, 1)).max())
    require_equal(path, f"the largest asymmetry of {name}", 0.0, 0.0 if asymmetry < 1e-6 else asymmetry)
