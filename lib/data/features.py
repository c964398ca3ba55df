"""Activations of networks for the images that participants saw, by stimulus."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from lib.core import choose


@dataclass(frozen=True)
class ImageFeatures:
    """Features of single images, by layer of one network.

    Attributes
    ----------
    stimulus_ids : int array of shape (n_images,)
    layers : mapping of layer to array of shape (n_images, n_units)
    """

    stimulus_ids: np.ndarray
    layers: Mapping[str, np.ndarray]

    def of(self, layer: str, wanted: np.ndarray) -> np.ndarray:
        """Features of a layer, shape (len(wanted), n_units), for stimulus ids in the order wanted."""
        layer = choose("layer", layer, self.layers)
        return self.layers[layer][rows_of(wanted, self.stimulus_ids, f"features of {layer}")]


def rows_of(wanted: np.ndarray, stimulus_ids: np.ndarray, what: str) -> np.ndarray:
    """Find the rows in which the wanted stimuli stand.

    Parameters
    ----------
    wanted : int array of shape (n_wanted,)
        Stimulus ids; one may be wanted more than once.
    stimulus_ids : int array of shape (n_images,)
    what : str
        What the rows hold, for the message.

    Returns
    -------
    int array of shape (n_wanted,)

    Raises
    ------
    ValueError
        A wanted stimulus has no row.

    Examples
    --------
    >>> rows_of(np.array([7, 5]), np.array([5, 6, 7]), "responses")
    array([2, 0])
    """
    if len(missing := wanted[~np.isin(wanted, stimulus_ids)]):
        raise ValueError(
            f"{what}: {len(missing)} of the {len(wanted)} images are missing, the first is stimulus {missing[0]}."
        )
    order = np.argsort(stimulus_ids)
    return order[np.searchsorted(stimulus_ids, wanted, sorter=order)]
