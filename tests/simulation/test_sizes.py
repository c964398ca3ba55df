"""Default sizes stand in one place: the simulations, the loaders and the commands take them from there."""

import argparse
import inspect

import pytest

from lib.analysis.loading import load_everybody
from lib.app import claims, simulate
from lib.simulation.god_like import simulate_god, simulate_god_worlds
from lib.simulation.nsd_like import simulate as simulate_nsd
from lib.simulation.nsd_like import simulate_worlds
from lib.simulation.sizes import GOD, NSD, SIZES, ParticipantSize


@pytest.mark.parametrize(
    ("function", "layout"),
    [
        (simulate_nsd, "nsd"), (simulate_worlds, "nsd"),
        (simulate_god, "god"), (simulate_god_worlds, "god"), (load_everybody, "god"),
    ],
)  # fmt: skip
def test_signatures_show_the_default_size(function, layout):
    parameters = inspect.signature(function).parameters
    shown = ParticipantSize(parameters["n_images"].default, parameters["voxels_per_roi"].default)
    assert shown == SIZES[layout].default


def test_a_size_keeps_what_is_not_given():
    size = ParticipantSize(10, 3)
    assert size.given() == size
    assert size.given(n_images=20) == ParticipantSize(20, 3)
    assert size.given(None, 7) == ParticipantSize(10, 7)


@pytest.mark.parametrize(("n_images", "voxels_per_roi"), [(0, 3), (1, 3), (-5, 3), (10, 0), (10, -1)])
@pytest.mark.parametrize("simulate_one", [simulate_nsd, simulate_god])
def test_impossible_sizes_are_refused(simulate_one, n_images, voxels_per_roi):
    found = f"voxels_per_roi of at least 1, found {n_images} and {voxels_per_roi}"
    with pytest.raises(ValueError, match=found):
        simulate_one(n_images=n_images, voxels_per_roi=voxels_per_roi, world="noise")


@pytest.mark.parametrize(("command", "sizes"), [(simulate, "default"), (claims, "claims")])
def test_help_names_the_sizes(command, sizes):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    text = " ".join(parser.format_help().split())
    for layout in (NSD, GOD):
        size = getattr(layout, sizes)
        assert str(size.n_images) in text and str(size.voxels_per_roi) in text
