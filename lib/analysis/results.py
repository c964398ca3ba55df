"""Results that leave a notebook: arrays as NetCDF, tables as CSV, maps of voxels as NIfTI.

NetCDF is the classic format, which SciPy writes and xarray, MATLAB and R open without more.
"""

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from scipy.io import netcdf_file

from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.presets import EncodingRun
from lib.core.disk import written_aside
from lib.core.tables import Table
from lib.data import Brain

SCORES = ("score", "cv_score", "correlation", "weights", "alphas")  # of every layer and voxel
STACKED = ("stacked_score", "stacked_cv_score", "stacked_correlation")  # of every network and voxel


def write_results(run: EncodingRun, folder: str | os.PathLike[str] | None) -> list[Path]:
    """Write what an encoding analysis found: `results.nc`, `choices.csv`, and a folder `maps`.

    Parameters
    ----------
    run : EncodingRun
    folder : path or None
        A new or empty folder; it gets its name when everything is written. None writes nothing.

    Returns
    -------
    list of Path
        The files.

    Raises
    ------
    FileExistsError, OSError
        The folder holds something, or cannot be written; nothing is left there.
    """
    if folder is None:
        return []
    table, target = run.table(), Path(folder).absolute()
    with written_aside(target) as part:
        part.mkdir()
        write_arrays_netcdf(part / "results.nc", run.study, table)
        with (part / "choices.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([table.header, *table.rows])
        if run.participant.space is not None:
            (part / "maps").mkdir()
            for name, values in voxel_maps(run.study).items():
                write_map(part / "maps" / f"{name}.nii.gz", values, run.participant)
    return sorted(path for path in target.rglob("*") if path.is_file())


def voxel_maps(study: EncodingStudy) -> dict[str, np.ndarray]:
    """Maps of each network by name, arrays of shape (n_voxels,).

    `stacked_score`; `preferred_layer`, from 1, by score on the test images; `depth`, the centre of mass of the stacking
    weights, from 1. Voxels that were not fitted hold NaN.
    """
    maps = {}
    for name, result in study.encoding.items():
        layers = np.arange(1, len(result.layers) + 1)
        fitted = np.isfinite(result.stacked_score)
        maps[f"{name}_stacked_score"] = result.stacked_score
        maps[f"{name}_preferred_layer"] = np.where(fitted, 1 + np.where(fitted, result.score, 0).argmax(0), np.nan)
        maps[f"{name}_depth"] = layers @ result.weights
    return maps


def write_map(path: Path, values: np.ndarray, brain: Brain) -> None:
    """Write a value per voxel as a NIfTI volume with the affine of the participant's files; NaN elsewhere.

    Parameters
    ----------
    path : Path
        Its name ends in .nii or .nii.gz.
    values : array of shape (n_voxels,)
    brain : Brain

    Raises
    ------
    ValueError
        The number of values is another, or nobody knows where the voxels lie.
    """
    if brain.space is None:
        raise ValueError(f"{brain.name}: nobody knows where its voxels lie in a volume, so there is no map of them.")
    if values.shape != (brain.n_voxels,):
        raise ValueError(f"values: expected one for each of the {brain.n_voxels} voxels, found {values.shape}.")
    volume = np.full(brain.space.shape, np.nan, np.float32)
    volume[tuple(brain.space.voxels.T)] = values
    image: Any = nibabel.Nifti1Image(volume, brain.space.affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def write_arrays_netcdf(path: Path, study: EncodingStudy, choices: Table) -> None:
    """Write all scores and weights as NetCDF, with dimensions network, layer and voxel.

    Layers of all networks follow each other; `layer_network` says whose they are. ROIs, noise ceilings, and voxels and
    millimetres, where they are known, are coordinates of `voxel`.

    Parameters
    ----------
    path : Path
    study : EncodingStudy
    choices : Table
        As of `EncodingRun.table`; it becomes an attribute.
    """
    brain, results = study.participant, study.encoding
    layers = [(name, layer) for name, result in results.items() for layer in result.layers]
    arrays: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        name: (("layer", "voxel"), np.concatenate([getattr(result, name) for result in results.values()]))
        for name in SCORES
    }
    arrays |= {name: (("network", "voxel"), np.stack([getattr(r, name) for r in results.values()])) for name in STACKED}
    arrays["noise_ceiling"] = ("voxel",), brain.noise_ceiling
    arrays["in_roi"] = ("roi", "voxel"), np.array([brain.rois[roi] for roi in brain.rois], np.int8)
    if brain.coordinates is not None:
        arrays["millimetres"] = ("voxel", "axis"), np.asarray(brain.coordinates, float)
    if brain.space is not None:
        arrays["ijk"] = ("voxel", "axis"), np.asarray(brain.space.voxels, np.int32)
    names = {"network": list(results), "roi": list(brain.rois), "axis": ["x", "y", "z"]}
    names |= {"layer_name": [layer for _, layer in layers], "layer_network": [network for network, _ in layers]}
    about = {
        "title": f"Encoding of {brain.name}",
        "source": brain.source.description,
        "license": brain.source.licence,
        "simulated": str(brain.source.simulated),
        "choices": json.dumps({str(name): str(value) for name, value in choices.rows}),
    }
    _write_netcdf(path, arrays, names, about)


def _write_netcdf(
    path: Path,
    arrays: Mapping[str, tuple[tuple[str, ...], np.ndarray]],
    names: Mapping[str, list[str]],
    about: Mapping[str, str],
) -> None:
    """Arrays with their dimensions; texts as characters, along the dimension before the `_`, as CF has it."""
    with netcdf_file(str(path), "w", version=2) as file:
        for key, text in about.items():
            setattr(file, key, text.encode())
        for name, (dimensions, values) in arrays.items():
            for dimension, length in zip(dimensions, values.shape, strict=True):
                if dimension not in file.dimensions:
                    file.createDimension(dimension, length)
            file.createVariable(name, values.dtype, dimensions)[:] = values
        for name, texts in names.items():
            if name.partition("_")[0] not in file.dimensions:
                continue
            encoded = np.array([text.encode() for text in texts], "S")
            width = f"{name}_length"
            file.createDimension(width, encoded.itemsize)
            characters = encoded[:, None].view("S1").reshape(len(texts), -1)
            file.createVariable(name, "c", (name.partition("_")[0], width))[:] = characters
