"""The picture world: one picture per number, labels that say nothing of each other, edges where they belong."""

import numpy as np
from scipy.stats import chi2_contingency

from lib.simulation.scenes import (
    INVENTED,
    OBJECTS,
    SCENES,
    Canvas,
    X,
    Y,
    invented,
    render,
    render_many,
    scene_image,
)
from lib.simulation.tasks import edges_2d, edges_3d

SCENES_OF_TEST = render_many(7, range(300))


def test_a_picture_is_a_function_of_seed_and_index():
    again = render(7, 12)
    assert (again.image == SCENES_OF_TEST.image[12]).all()
    assert (again.depth == SCENES_OF_TEST.depth[12]).all()
    assert (again.image != render(8, 12).image).any()
    assert (scene_image(7, 12) == again.image).all()


def test_shapes_types_and_ranges():
    s = SCENES_OF_TEST
    assert s.image.shape == (300, 64, 64, 3) and s.image.dtype == np.uint8
    assert s.depth.shape == (300, 64, 64) and s.depth.min() >= 0.5 and s.depth.max() <= 30
    assert set(s.object_label) == set(range(len(OBJECTS)))
    assert set(s.scene_label) == set(range(len(SCENES)))


def test_object_and_scene_tell_nothing_of_each_other():
    table = np.histogram2d(SCENES_OF_TEST.object_label, SCENES_OF_TEST.scene_label, (len(OBJECTS), len(SCENES)))[0]
    assert chi2_contingency(table).pvalue > 0.001


def test_pictures_are_not_flat_and_not_told_by_mean_colour_alone():
    s = SCENES_OF_TEST
    assert (s.image.reshape(300, -1).std(1) > 10).mean() > 0.95
    colour = s.image.mean((1, 2))
    between = np.var([colour[s.object_label == k].mean(0) for k in range(len(OBJECTS))], axis=0).sum()
    assert between < 0.2 * colour.var(0).sum()


def test_an_invented_object_stands_in_the_same_place_of_the_same_scene():
    named, other = render(7, 12), render(7, 12, category=3)
    assert other.object_label == INVENTED and other.scene_label == named.scene_label
    assert (other.image == scene_image(7, 12, 3)).all()
    assert (other.image != named.image).any()


def painted(category: int, draw: int) -> Canvas:
    canvas = Canvas(np.random.default_rng(draw))
    invented(7, category)(canvas, X, Y, 1.0)
    return canvas


def test_an_invented_object_is_the_same_in_all_pictures_but_for_light_and_texture():
    one, again, other = painted(3, draw=0), painted(3, draw=1), painted(4, draw=1)
    assert (one.depth == again.depth).all() and (one.depth != other.depth).any()
    seen = np.isfinite(one.depth)
    assert 0.02 < seen.mean() < 0.9
    assert 0 < np.abs(one.image - again.image)[seen].mean() < np.abs(one.image - other.image)[seen].mean()


def test_edges_of_a_step():
    image = np.zeros((1, 64, 64, 3), np.uint8)
    image[:, :, 32:] = 255
    assert set(np.argsort(edges_2d(image)[0, 30])[-2:]) == {31, 32}
    assert edges_2d(image)[0, 30, :20].max() < 1e-3


def test_occlusion_edges_need_a_jump_in_depth_not_a_slant():
    slant = np.tile(1 / np.linspace(0.1, 1, 64), (64, 1))[None]
    assert edges_3d(slant).max() == 0
    step = np.full((1, 64, 64), 4.0)
    step[:, :, 20:] = 1.0
    assert edges_3d(step)[0, 30].argmax() in (19, 20)
