"""Tables of dissimilarities say what was computed."""

import numpy as np

from lib.analysis import rsa
from lib.figures.rsa import best_layer_table, ceiling_table


def test_tables_say_what_was_computed() -> None:
    rng = np.random.default_rng(7)
    shared = rng.normal(size=(12, 20))
    rdms = np.stack([rsa.rdm(shared + rng.normal(size=shared.shape)) for _ in range(5)])
    layers = {"far": rsa.rdm(rng.normal(size=(12, 9))), "near": rsa.rdm(shared)}
    results = rsa.compare_areas(layers, {"EVC": rdms}, n_bootstrap=50)
    (row,) = best_layer_table({"net": results}).rows
    found, near = results["EVC"], 1
    assert row[:3] == ("net", "EVC", "near")
    assert row[3] == f"{found.r[near].mean():.2f} [{found.low[near]:.2f}, {found.high[near]:.2f}]"
    ceiling = rsa.rdm_noise_ceiling(rdms)
    missing = f"{ceiling.lower_r - found.r[near].mean():.2f}"
    assert row[4] == f"{missing} [{found.gap_low[near]:.2f}, {found.gap_high[near]:.2f}]"
    assert ceiling_table({"EVC": rdms}).rows == [("EVC", f"{ceiling.upper_r2:.4f}", ceiling.upper_r, ceiling.lower_r)]
