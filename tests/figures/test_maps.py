"""Maps are drawn where their voxels lie, with the same colours for all layers."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from made import AFFINE, BOX, write_box, write_spheres

from lib.figures import maps
from lib.figures.maps import map_slices, map_surface, surface_files, write_viewer


def test_slices_of_each_layer_share_their_colours(tmp_path: Path) -> None:
    volume = write_box(tmp_path / "alexnet-object_score.nii.gz", (1, 0.5, 0.25))
    figure = map_slices(tmp_path / "alexnet-object_score.nii.gz", "a box", layers=["Conv-1", "Conv-2", "FC-3"])
    shown = [image for ax in figure.axes for image in ax.images if np.ma.count(image.get_array())]
    drawn = [image for image in shown if image.get_cmap().name != "gray"]
    assert {"Conv-1", "Conv-2", "FC-3"} <= {text.get_text() for text in figure.texts}
    assert figure.get_suptitle() == "a box" and len(drawn) >= 3 * 5
    np.testing.assert_allclose([image.get_clim() for image in drawn], [(0, np.nanmax(volume))] * len(drawn))
    shown = np.concatenate([image.get_array().compressed() for image in drawn])
    assert np.isin(shown, volume[BOX]).all()  # not blurred, and nothing lies elsewhere


def test_fitted_voxels_whose_value_is_not_above_zero_are_grey(tmp_path: Path) -> None:
    """Not white, as what was never fitted, and not the colour of zero."""
    path = tmp_path / "alexnet-object_stacked_score.nii.gz"
    volume = write_box(path, (1,))
    volume[3, 4, 5] = -0.3
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([2, 2, 2, 1])), path)
    figure = map_slices(path, "a box")
    grey, colours = ([ax.images[i] for ax in figure.axes if len(ax.images) == 2] for i in (0, 1))
    (there,) = [i for i, image in enumerate(colours) if np.ma.count(image.get_array()) == 24]
    assert np.isin(grey[there].get_array(), 1).sum() == 25 and len(colours) == 4
    assert 0.5 < grey[there].norm(1) < 0.9 and grey[there].norm(2) == 1


def test_surface_takes_the_value_of_the_voxel_around_its_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both rims lie outside the box in places; there is no value only where no depth meets a voxel."""
    path, centre = tmp_path / "alexnet-object_depth.nii.gz", AFFINE[:3] @ [3.5, 5, 6, 1]
    volume = write_box(path, (6,))
    write_spheres(tmp_path / "surf", centre)
    textures = drawn_textures(monkeypatch)
    figure = map_surface(path, "a sphere", tmp_path / "surf")
    titles = [f"{side}, {view}" for side in ("left", "right") for view in ("lateral", "ventral")]
    assert [ax.get_title() for ax in figure.axes] == titles and len(textures) == 4
    outer = nibabel.freesurfer.read_geometry(tmp_path / "surf/lh.pial")[0] - centre
    middle = np.rint(nibabel.affines.apply_affine(np.linalg.inv(AFFINE), outer * 5 / 6 + centre)).astype(int)
    there = ((middle >= 0) & (middle < volume.shape)).all(1)
    expected = np.where(there, volume[tuple(np.where(there[:, None], middle, 0).T)], np.nan)
    met = np.isfinite(expected)
    np.testing.assert_array_equal(textures[0][met], expected[met])
    assert 0 < met.sum() < np.isfinite(textures[0]).sum() < len(outer)


def drawn_textures(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """The values of vertices that will be drawn, in the order of drawing."""
    drawn, plot = [], maps.plot_surf_stat_map

    def kept(surface: Path, texture: np.ndarray, **options: object) -> None:
        drawn.append(texture)
        plot(surface, texture, **options)

    monkeypatch.setattr(maps, "plot_surf_stat_map", kept)
    return drawn


def test_surfaces_are_moved_from_the_centre_of_freesurfers_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, centre = tmp_path / "alexnet-object_depth.nii.gz", AFFINE[:3] @ [3.5, 5, 6, 1]
    write_box(path, (6,))
    write_spheres(tmp_path / "scanner", centre)
    write_spheres(tmp_path / "surf", np.zeros(3), cras=centre)
    textures = drawn_textures(monkeypatch)
    for folder in ("scanner", "surf"):
        map_surface(path, "a sphere", tmp_path / folder)
    np.testing.assert_array_equal(textures[0], textures[4])
    assert np.isfinite(textures[4]).any()


def test_nsds_surfaces_find_their_voxels_by_nsds_transforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Voxels count from 1 there, 9999 is none, and what the middle of the grey matter misses a rim may meet."""
    path, surf = tmp_path / "alexnet-object_depth.nii.gz", tmp_path / "freesurfer/subj01/surf"
    volume, textures = write_box(path, (6,)), drawn_textures(monkeypatch)
    surf.parent.mkdir(parents=True)
    write_spheres(surf, np.full(3, 500.0))
    transforms, n_vertices = tmp_path / "ppdata/subj01/transforms", 24 * 12
    transforms.mkdir(parents=True)
    for file in surface_files(surf)[4:]:
        places = np.full((n_vertices, 1, 1, 3), 9999, np.float32)
        places[0 if "layerB2" in file.name else 1] = (4, 5, 6.3) if "layerB2" in file.name else (3, 4, 5)
        nibabel.save(nibabel.freesurfer.MGHImage(places, np.eye(4)), file)
    map_surface(path, "a sphere", surf)
    assert len(textures) == 4 and {file.parent for file in surface_files(surf)} == {surf, transforms}
    np.testing.assert_array_equal(textures[0], [volume[3, 4, 5], volume[2, 3, 4], *[np.nan] * (n_vertices - 2)])


def test_viewer_is_one_small_page_that_needs_no_network(tmp_path: Path) -> None:
    write_box(tmp_path / "alexnet-object_depth.nii.gz", (6,))
    write_viewer(tmp_path / "alexnet-object_depth.nii.gz", "depth", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert len(page) < 2e6 and "<p>depth</p>" in page and 'src="http' not in page


@pytest.mark.slow("a head of 256^3 voxels")
def test_viewer_stays_small_before_an_anatomy_of_a_millimetre(tmp_path: Path) -> None:
    """The voxels of LAION-fMRI's betas, and a head full of noise, which no image format makes smaller."""
    path, side = tmp_path / "alexnet-object_depth.nii.gz", 143
    volume = np.full((side,) * 3, np.nan, np.float32)
    volume[40:100, 10:60, 30:90] = np.random.default_rng(0).uniform(1, 7, (60, 50, 60))
    nibabel.save(nibabel.Nifti1Image(volume, np.diag([1.8, 1.8, 1.8, 1])), path)
    axis = np.linspace(-1, 1, 256)
    inside = (axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2) < 0.45
    head = np.where(inside, np.random.default_rng(1).integers(20, 200, inside.shape), 0).astype(np.uint8)
    nibabel.save(nibabel.Nifti1Image(head, np.eye(4)), tmp_path / "T1.nii.gz")
    write_viewer(path, "depth", tmp_path / "page.html", tmp_path / "T1.nii.gz")
    assert (tmp_path / "page.html").stat().st_size < 2e6
