"""The variance of each voxel that one network explains and the others do not."""

import numpy as np
import xarray as xr

from lib.analysis.presets import EncodingRun
from lib.analysis.variance import feature_spaces, joint_models, standardised_responses, usable_voxels


def unique_variance(run: EncodingRun) -> xr.DataArray:
    """R2 that each network adds to a joint regression on all layers of the others, see `lib.analysis.variance`.

    The kernel of every layer is in memory, the square of the number of images each.

    Parameters
    ----------
    run : EncodingRun

    Returns
    -------
    DataArray of shape (n_networks, n_voxels)
        NaN where a voxel could not be fitted. It can lie below zero.
    """
    person, names = run.participant, list(run.networks)
    spaces = feature_spaces(person, run.networks.values(), run.preprocessing)
    voxels = usable_voxels(person, person.rois)
    others = {name: spaces.of(*(other for other in names if other != name)) for name in names}
    joint = joint_models(spaces, standardised_responses(person, voxels), [spaces.of(*names), *others.values()])
    added = np.full((len(names), person.n_voxels), np.nan, np.float32)
    added[:, voxels] = [joint.r2(spaces.of(*names)) - joint.r2(given) for given in others.values()]
    return xr.DataArray(added, {"network": names}, ("network", "voxel"))
