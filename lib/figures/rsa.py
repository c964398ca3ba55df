"""Tables of representational similarity analysis."""

from collections.abc import Mapping

import numpy as np

from lib.analysis.rsa import RSAResult, noise_ceiling
from lib.core.tables import Table


def ceiling_table(rdms: Mapping[str, np.ndarray]) -> Table:
    """Noise ceilings of each area's RDMs, arrays of shape (n_participants, n_images, n_images)."""
    ceilings = {roi: noise_ceiling(matrices) for roi, matrices in rdms.items()}
    rows = [(roi, f"{c.upper_r2:.4f}", c.upper_r, c.lower_r) for roi, c in ceilings.items()]
    return Table(("area", "upper R2", "upper r", "lower r"), rows)


def best_layer_table(results: Mapping[str, Mapping[str, RSAResult]]) -> Table:
    """Each network's best layer per area, its mean r, and the distance to the lower noise ceiling.

    Parameters
    ----------
    results : mapping of network to mapping of area to RSAResult
    """
    header = ("network", "area", "best", "r [95 %]", "lower ceiling - r")
    return Table(header, [(label, roi, *_best(r)) for label, areas in results.items() for roi, r in areas.items()])


def _best(result: RSAResult) -> tuple[str, str, str]:
    i, mean = result.layers.index(result.best), result.r.mean(axis=1).max()
    r = f"{mean:.2f} [{result.low[i]:.2f}, {result.high[i]:.2f}]"
    gap = f"{result.ceiling.lower_r - mean:.2f} [{result.gap_low[i]:.2f}, {result.gap_high[i]:.2f}]"
    return result.best, r, gap
