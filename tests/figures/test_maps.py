"""Maps are drawn where their voxels lie, with the same colours for all layers."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from made import AFFINE, BOX, write_box, write_spheres

from lib.figures import maps
from lib.figures.maps import map_slices, map_surface, write_viewer


def test_slices_of_each_layer_share_their_colours(tmp_path: Path) -> None:
    volume = write_box(tmp_path / "alexnet-object_score.nii.gz", (1, 0.5, 0.25))
    figure = map_slices(tmp_path / "alexnet-object_score.nii.gz", "a box")
    drawn = [image for ax in figure.axes for image in ax.images if np.ma.count(image.get_array())]
    assert figure.get_suptitle() == "a box" and len(drawn) >= 3 * 5
    np.testing.assert_allclose([image.get_clim() for image in drawn], [(0, np.nanmax(volume))] * len(drawn))
    shown = np.concatenate([image.get_array().compressed() for image in drawn])
    assert np.isin(shown, volume[BOX]).all()  # not blurred, and nothing lies elsewhere


def test_surface_takes_the_value_of_the_voxel_around_its_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both rims lie outside the box in places; there is no value only where no depth meets a voxel."""
    path, centre = tmp_path / "alexnet-object_depth.nii.gz", AFFINE[:3] @ [3.5, 5, 6, 1]
    volume, drawn, plot = write_box(path, (6,)), [], maps.plot_surf_stat_map
    write_spheres(tmp_path / "surf", centre)

    def kept(surface: Path, texture: np.ndarray, **options: object) -> None:
        drawn.append(texture)
        plot(surface, texture, **options)

    monkeypatch.setattr(maps, "plot_surf_stat_map", kept)
    figure = map_surface(path, "a sphere", tmp_path / "surf")
    titles = [f"{side}, {view}" for side in ("left", "right") for view in ("lateral", "ventral")]
    assert [ax.get_title() for ax in figure.axes] == titles and len(drawn) == 4
    outer = nibabel.freesurfer.read_geometry(tmp_path / "surf/lh.pial")[0] - centre
    middle = np.rint(nibabel.affines.apply_affine(np.linalg.inv(AFFINE), outer * 5 / 6 + centre)).astype(int)
    there = ((middle >= 0) & (middle < volume.shape)).all(1)
    expected = np.where(there, volume[tuple(np.where(there[:, None], middle, 0).T)], np.nan)
    met = np.isfinite(expected)
    np.testing.assert_array_equal(drawn[0][met], expected[met])
    assert 0 < met.sum() < np.isfinite(drawn[0]).sum() < len(outer)


def test_viewer_is_one_small_page_that_needs_no_network(tmp_path: Path) -> None:
    write_box(tmp_path / "alexnet-object_depth.nii.gz", (6,))
    write_viewer(tmp_path / "alexnet-object_depth.nii.gz", "depth", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert len(page) < 2e6 and "depth" in page and 'src="http' not in page
