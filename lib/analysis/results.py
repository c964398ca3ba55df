"""Results that leave a notebook: arrays as NetCDF, tables as CSV and Parquet, maps of voxels as NIfTI."""

import json
import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import xarray as xr

from lib.analysis.encoding import EncodingResult
from lib.analysis.presets import EncodingRun
from lib.analysis.unique import unique_variance
from lib.core.disk import written_aside
from lib.data import Brain

FITTED = {  # of an EncodingResult: each layer and voxel, or each voxel
    "score": "R on the test images, sign(R2) sqrt(|R2|)",
    "cv_score": "R of out-of-fold predictions of the training images",
    "correlation": "Pearson r on the test images",
    "weights": "stacking weight",
    "alphas": "ridge penalty",
    "stacked_score": "R of the stack of all layers on the test images",
    "stacked_cv_score": "R of the stack on out-of-fold predictions",
    "stacked_correlation": "Pearson r of the stack on the test images",
}
DERIVED = {
    "preferred_layer": "layer with the highest R on the test images, counted from 1",
    "depth": "centre of mass of the stacking weights over layers, counted from 1",
    "unique_variance": "R2 on the test images that the network adds to a joint regression on the other networks",
}
MAPS = ("score", "stacked_score", *DERIVED)
_PACKAGES = ("numpy", "scipy", "torch", "torchvision", "xarray", "h5netcdf", "nibabel")


def write_results(run: EncodingRun, folder: str | os.PathLike[str] | None, *, unique: bool = False) -> list[Path]:
    """Write what an encoding analysis found: `results.nc`, two tables, and a folder `maps`.

    Parameters
    ----------
    run : EncodingRun
    folder : path or None
        A new or empty folder; it gets its name when everything is written. None writes nothing.
    unique : bool
        Whether to add the variance unique to each network, see `lib.analysis.unique`: it needs memory for the kernel
        of every layer, and hours for 10,000 images.

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
    arrays, target = result_arrays(run, unique_variance(run) if unique else None), Path(folder).absolute()
    tables = {"choices": pd.DataFrame(run.table().rows, columns=["choice", "value"]), "areas": area_means(arrays)}
    with written_aside(target) as part:
        part.mkdir()
        arrays.to_netcdf(part / "results.nc", engine="h5netcdf")
        for name, table in tables.items():
            table.to_csv(part / f"{name}.csv", index=False)
            table.to_parquet(part / f"{name}.parquet", index=False)
        if run.participant.space is not None:
            (part / "maps").mkdir()
            for name, values in voxel_maps(arrays).items():
                write_map(part / "maps" / f"{name}.nii.gz", values, run.participant)
    return sorted(path for path in target.rglob("*") if path.is_file())


def result_arrays(run: EncodingRun, unique: xr.DataArray | None = None) -> xr.Dataset:
    """Collect all scores, weights and penalties of an analysis, with what is known of its voxels.

    Parameters
    ----------
    run : EncodingRun
    unique : DataArray, optional
        Variance unique to each network, as of `lib.analysis.unique.unique_variance`.

    Returns
    -------
    Dataset
        Dimensions are participant (one), network, layer (from 1, NaN beyond a network's last) and voxel. Areas, noise
        ceilings and places of the voxels are coordinates. Attributes tell the source, choices and versions.
    """
    results, brain = run.study.encoding, run.participant
    networks = [_of_network(result) for result in results.values()]
    found = xr.concat(networks, pd.Index(list(results), name="network"), join="outer", fill_value={"layer_name": ""})
    found = found.set_coords("layer_name")
    found["preferred_layer"] = found.score.idxmax("layer")
    found["depth"] = (found.weights * found.layer).sum("layer", min_count=1)
    if unique is not None:
        found["unique_variance"] = unique
    found = found.expand_dims(participant=[brain.name]).assign_coords(_places(brain))
    for name, values in found.data_vars.items():
        values.attrs = {"long_name": (FITTED | DERIVED)[str(name)], "units": "1"}
    return found.assign_attrs(_about(run))


def _of_network(result: EncodingResult) -> xr.Dataset:
    dimensions = ("layer", "voxel")
    arrays = {name: getattr(result, name) for name in FITTED}
    layers = range(1, len(result.layers) + 1)
    fitted: dict[str, Any] = {name: (dimensions[-values.ndim :], values) for name, values in arrays.items()}
    return xr.Dataset(fitted | {"layer_name": ("layer", list(result.layers))}, {"layer": layers})


def _places(brain: Brain) -> dict[str, Any]:
    """Coordinates: what is known of the voxels."""
    places: dict[str, Any] = {"voxel": np.arange(brain.n_voxels), "roi": list(brain.rois)}
    places["noise_ceiling"] = "voxel", brain.noise_ceiling
    places["in_roi"] = ("roi", "voxel"), np.array(list(brain.rois.values()))
    if brain.coordinates is not None:
        places |= {"axis": ["x", "y", "z"], "position": (("voxel", "axis"), brain.coordinates, {"units": "mm"})}
    if brain.space is not None:
        places["ijk"] = ("voxel", "axis"), brain.space.voxels
        places["affine"] = ("row", "column"), brain.space.affine
    return places


def _about(run: EncodingRun) -> dict[str, str]:
    """Attributes of the file; the first four are those of the CF conventions."""
    source, versions = run.participant.source, {name: version(name) for name in _PACKAGES}
    return {
        "Conventions": "CF-1.11",
        "title": f"Encoding of {run.participant.name}",
        "source": source.description,
        "references": source.origin,
        "license": source.licence,
        "simulated": str(source.simulated),
        "weights": run.study.weights,
        "choices": json.dumps({str(name): str(value) for name, value in run.table().rows}),
        "versions": json.dumps({"python": platform.python_version(), **versions}),
    }


def area_means(arrays: xr.Dataset) -> pd.DataFrame:
    """Means over the voxels of each area that were fitted: a row for each network, area and layer.

    Parameters
    ----------
    arrays : Dataset
        As of `result_arrays`.
    """
    wanted = arrays[["score", "correlation", "weights", "stacked_score", "depth"]]
    means = xr.concat([wanted.where(inside).mean("voxel") for inside in arrays.in_roi], "roi")
    dimensions = ["participant", "network", "roi", "layer"]
    return means.to_dataframe(dimensions).dropna(subset="score").reset_index()


def voxel_maps(arrays: xr.Dataset) -> dict[str, np.ndarray]:
    """Maps of each network by name: NETWORK_score with a row for each layer, then one for each other of `MAPS`.

    Parameters
    ----------
    arrays : Dataset
        As of `result_arrays`.

    Returns
    -------
    dict of arrays of shape (n_layers, n_voxels) or (n_voxels,)
        Voxels that were not fitted hold NaN.
    """
    maps: dict[str, np.ndarray] = {}
    for network, found in arrays.isel(participant=0).groupby("network"):
        layers = found.squeeze("network").isel(layer=found.layer_name.values.ravel() != "")
        maps |= {f"{network}_{name}": layers[name].values for name in MAPS if name in layers}
    return maps


def write_map(path: Path, values: np.ndarray, brain: Brain) -> None:
    """Write a value per voxel as a NIfTI volume with the affine of the participant's files; NaN elsewhere.

    Parameters
    ----------
    path : Path
        Its name ends in .nii or .nii.gz.
    values : array of shape (n_voxels,) or (n_layers, n_voxels)
        Layers become the fourth axis.
    brain : Brain

    Raises
    ------
    ValueError
        The number of values is another, or nobody knows where the voxels lie.
    """
    if brain.space is None:
        raise ValueError(f"{brain.name}: nobody knows where its voxels lie in a volume, so there is no map of them.")
    if values.shape[-1:] != (brain.n_voxels,):
        raise ValueError(f"values: expected one for each of the {brain.n_voxels} voxels, found {values.shape}.")
    volume = np.full((*brain.space.shape, *values.shape[:-1]), np.nan, np.float32)
    volume[tuple(brain.space.voxels.T)] = values.T
    image: Any = nibabel.Nifti1Image(volume, brain.space.affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
