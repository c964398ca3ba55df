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
    shown = {name: parameters[name].default for name in ("n_images", "voxels_per_roi")}
    assert shown == SIZES[layout].default.given()


def test_a_size_keeps_what_is_not_given():
    size = ParticipantSize(10, 3)
    assert size.given() == {"n_images": 10, "voxels_per_roi": 3}
    assert size.given(n_images=20) == {"n_images": 20, "voxels_per_roi": 3}
    assert size.given(None, 7) == {"n_images": 10, "voxels_per_roi": 7}


@pytest.mark.parametrize(("command", "sizes"), [(simulate, "default"), (claims, "claims")])
def test_help_names_the_sizes(command, sizes):
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    text = " ".join(parser.format_help().split())
    for layout in (NSD, GOD):
        size = getattr(layout, sizes)
        assert str(size.n_images) in text and str(size.voxels_per_roi) in text
