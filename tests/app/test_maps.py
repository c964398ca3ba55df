"""`python -m lib maps`: pictures and pages of the maps that a figure kept, drawn where their voxels lie."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from made import AFFINE, write_box, write_spheres

from lib.__main__ import main
from lib.app.maps import draw_maps


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """A map with three layers and two maps of one."""
    for name, factors in {"score": (1, 0.5, 0.3), "stacked_score": (1,), "preferred_layer": (9,)}.items():
        write_box(tmp_path / f"out/maps/alexnet-object_{name}.nii.gz", factors)
    about = {"title": "Encoding of <one>", "simulated": "True", "weights": "miniature", "source": "a box"}
    dimensions = {"score": ("network", "layer"), "stacked_score": ("network",), "preferred_layer": ("network",)}
    values = {
        name: (dims, np.zeros((1, 4)[: len(dims)]), {"long_name": f"<{name}>"}) for name, dims in dimensions.items()
    }
    names = ("network", "layer"), [["Conv-1", "Conv-2", "FC-3", ""]]
    found = xr.Dataset(values, {"network": ["alexnet-object"], "layer_name": names}, about)
    found.to_netcdf(tmp_path / "out/results.nc", engine="h5netcdf")
    return tmp_path / "out"


def test_pictures_and_pages_of_each_map(result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maps", str(result)]) == 0
    folder = result / "pictures"
    assert capsys.readouterr().out.strip() == str(folder / "index.html")
    page = (folder / "index.html").read_text()
    assert "Encoding of &lt;one&gt;" in page and "SIMULATED DATA: nobody was scanned" in page
    assert "<p>&lt;preferred_layer&gt;: 1 Conv-1, 2 Conv-2, 3 FC-3.</p>" in page
    for name in ("score", "stacked_score", "preferred_layer"):
        picture = folder / f"alexnet-object_{name}_slices.png"
        assert picture.stat().st_size > 5000 and f'src="{picture.name}" alt="slices of' in page
    viewers = {path.name for path in folder.glob("*.html")} - {"index.html"}
    assert viewers == {"alexnet-object_stacked_score.html", "alexnet-object_preferred_layer.html"}
    assert all(f'href="{name}"' in page for name in viewers)
    for path in folder.glob("*.html"):
        assert path.stat().st_size < 2e6 and 'src="http' not in path.read_text()
        assert "SIMULATED DATA: nobody was scanned" in path.read_text()


def test_surfaces_are_drawn_where_they_are_named(result: Path, tmp_path: Path) -> None:
    write_spheres(tmp_path / "surf", AFFINE[:3] @ [3.5, 5, 6, 1])
    draw_maps(result, tmp_path / "drawn", surfaces=tmp_path / "surf")
    assert len(list((tmp_path / "drawn").glob("*_surface.png"))) == 2
    write_spheres(tmp_path / "far", np.full(3, 500.0))
    with pytest.raises(ValueError, match=r"expected surfaces in the space of .*, found none of its voxels nearby"):
        draw_maps(result, tmp_path / "again", surfaces=tmp_path / "far")
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(("option", "file"), [("--anatomy", "T1.nii.gz"), ("--surf", "lh.pial")])
def test_what_is_missing_is_named(option: str, file: str, result: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["maps", str(result), option, "/nowhere/T1.nii.gz" if option == "--anatomy" else "/nowhere"]) == 2
    assert f"{file}: expected a file to draw the maps on, found none." in capsys.readouterr().err
    assert main(["maps", "/nowhere"]) == 2
    assert "/nowhere: expected results.nc and maps of figures 1 to 3" in capsys.readouterr().err


def test_results_that_are_none_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "alexnet_layer.nii.gz").write_text("")
    (tmp_path / "results.nc").write_text("no such thing")
    assert main(["maps", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert f"{tmp_path / 'results.nc'}: expected results of figures 1 to 3, found " in message
    assert message.count("\n") == 1 and not (tmp_path / "pictures").exists()
