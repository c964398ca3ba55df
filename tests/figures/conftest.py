"""Fixtures of small results with all numbers different, see `made`."""

import numpy as np
import pytest
from made import (
    SIMULATED,
    make_decoding,
    make_partition,
    make_specifications,
    make_study,
)

from lib.analysis.decoding_study import DecodingStudy
from lib.analysis.directions import Directions
from lib.analysis.encoding_study import EncodingStudy
from lib.analysis.selection import Retest
from lib.analysis.training_curves import Shape, Snapshot
from lib.analysis.variance import Partition
from lib.claims.specifications import Specification
from lib.data.images92 import Images92
from lib.networks.zoo import PAPER_W


@pytest.fixture
def study() -> EncodingStudy:
    return make_study()


@pytest.fixture
def everyone() -> EncodingStudy:
    """A study of all networks of paper W."""
    return make_study(PAPER_W)


@pytest.fixture
def retests() -> dict[str, Retest]:
    return {name: Retest(make_study(seed=i), make_study(seed=i + 10)) for i, name in enumerate(("one", "two"))}


@pytest.fixture
def decoding() -> DecodingStudy:
    return make_decoding()


@pytest.fixture
def specifications() -> dict[str, list[Specification]]:
    return {world: make_specifications(i) for i, world in enumerate(("reversed", "noise"))}


@pytest.fixture
def directions() -> dict[str, Directions]:
    rng = np.random.default_rng(4)
    names = ("alexnet-object", "resnet50-object")
    return {
        world: Directions(*({name: rng.uniform(0, 1, 5) for name in names} for _ in range(2)))
        for world in ("reversed", "noise")
    }


@pytest.fixture
def images92() -> Images92:
    """Twelve images of three categories, the dissimilarities of two areas in three people."""
    rng = np.random.default_rng(5)
    category = np.repeat(["a face", "fruit", "tool"], (3, 4, 5))
    upper = np.triu(rng.uniform(0, 2, (2, 3, 12, 12)), 1)
    rdms = dict(zip(("EVC", "IT"), upper + upper.swapaxes(-1, -2), strict=True))
    images = rng.integers(0, 255, (12, 4, 4, 3)).astype(np.uint8)
    return Images92(images, category, *[category == "a face"] * 4, rdms, SIMULATED)


@pytest.fixture
def partitions() -> dict[str, dict[str, Partition]]:
    """As a page has them: titles of two lines, which a table must not break."""
    return {
        brain: {f"{area} areas\nedges": make_partition(10 * i + j) for j, area in enumerate(("place", "face"))}
        for i, brain in enumerate(("as-published", "unplanted"))
    }


@pytest.fixture
def snapshots() -> list[Snapshot]:
    """Two networks, three epochs each; their accuracies all differ."""
    shapes = (Shape(3, 4), Shape(5, 12))
    return [
        Snapshot(shape, epoch, 0.1 + 0.11 * k + 0.3 * i, None)
        for i, shape in enumerate(shapes)
        for k, epoch in enumerate((0, 2, 8))
    ]
