"""Notebooks run on small simulated folders in the layouts of measured data sets, by the command."""

import csv
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import xarray as xr
from browser import ROOT

NSD = {"n_images": 500, "voxels_per_roi": 20}
GOD = {"n_images": 300, "voxels_per_roi": 20}
BESIDE = {"n_images": 60, "voxels_per_roi": 12}  # of the simulated participants in the columns beside the measured ones
SMALL = {
    ("claims", "nsd"): BESIDE,
    ("claims", "god"): BESIDE,
    ("selection", "nsd"): NSD | {"n_fresh": 100},
    ("fig4_decoding", "god"): GOD | {"n_units": 50},
}


def offered(dataset: str) -> list[str]:
    """Names of the notebooks whose parameter `dataset` has this choice."""
    pages = sorted((ROOT / "notebooks").glob("*.py"))
    return [
        page.stem for page in pages if re.search(rf'^dataset = .*or "{dataset}"|"{dataset}" or', page.read_text(), re.M)
    ]


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """`python -m lib` on two cores at most, as the tests of this project run."""
    line = [sys.executable, "-m", "lib", *map(str, words)]
    return subprocess.run(
        line, cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)}
    )


def run(name: str, dataset: str, data: Path, output: Path, **more: object) -> str:
    """Run a notebook on a folder; what its code cells printed and showed as text."""
    given = SMALL.get((name, dataset), NSD) | {"dataset": dataset, "data_root": data, "weights": "miniature"} | more
    options = [word for pair in given.items() for word in ("-p", *pair)]
    done = command("run", name, *options, "--output", output)
    assert done.returncode == 0, done.stderr[-2000:]
    cells = json.loads(output.read_text())["cells"]
    outputs = [out for cell in cells for out in cell.get("outputs", [])]
    texts = [
        out.get("text") or out.get("data", {}).get("text/markdown") or out.get("data", {}).get("text/html") or ""
        for out in outputs
    ]
    return "\n".join("".join(text) for text in texts)


def simulated(folder: Path, layout: str, n_images: int, *more: object) -> Path:
    """A folder in a measured layout, with 20 voxels an area."""
    done = command("simulate", folder, "--layout", layout, "--images", n_images, "--voxels", 20, *more)
    assert done.returncode == 0, done.stderr
    return folder


FIGURES = ("fig1_alexnet", "fig2_resnet50", "fig3_taskonomy")
# What the table of a run says under each analysis
STANDARDISED = {"as-published": "not z-scored", "as-coded": "z-scored within run", "careful": "z-scored within session"}


def run_as(analysis: str, name: str, dataset: str, data: Path, output: Path) -> None:
    """Run a figure of paper W under one of the analyses; the table says what was chosen."""
    text = run(name, dataset, data, output, analysis=analysis)
    assert f"in this run ({analysis})" in text and STANDARDISED[analysis] in text
    assert ("reference" in text) == (analysis == "as-coded")


# Of every panel of Figure 1, the values of the voxels at each layer: all voxels of an area that has fewer than 200.
FIGURE_1 = """
import json, sys
import xarray
found, rows = xarray.open_dataset(sys.argv[1]).isel(participant=0), {}
for network in found.network.values:
    for roi in found.roi.values:
        inside = found.sel(network=network).isel(voxel=found.in_roi.sel(roi=roi).values)
        for what, name in {"R": "score", "weight": "weights"}.items():
            for i, layer in enumerate(inside.layer_name.values):
                if layer:
                    rows[f"{roi} | {network} {what} {layer}"] = sorted(inside[name].isel(layer=i).values.tolist())
print(json.dumps([rows, sorted({"torch", "lib"} & set(sys.modules))]))
"""


def check_kept(kept: Path, notebook: Path) -> None:
    """What figure 1 kept are the numbers it shows, for a process with xarray alone; its maps hold and draw the same."""
    line = [sys.executable, "-c", FIGURE_1, str(kept / "results.nc")]
    done = subprocess.run(line, cwd=kept, capture_output=True, text=True, check=True)
    found, loaded = json.loads(done.stdout)
    outputs = [
        out.get("data", {}) for cell in json.loads(notebook.read_text())["cells"] for out in cell.get("outputs", [])
    ]
    numbers = next("".join(data["text/csv"]) for data in outputs if "text/csv" in data)
    shown: dict[str, list[float]] = {}
    for row in csv.DictReader(numbers.splitlines()):
        if not row["series"]:  # a voxel; the other is the mean
            shown.setdefault(f"{row['panel']} {row['x']}", []).append(float(row["y"]))
    assert not loaded and shown.keys() == found.keys() and len(shown) > 100
    for panel, values in shown.items():
        np.testing.assert_allclose(sorted(values), found[panel], rtol=1e-3, atol=1e-6, err_msg=panel)
    _check_maps(kept)


def _check_maps(kept: Path) -> None:
    """Volumes on the grid of the betas hold the arrays, and each is drawn; a page stays below 2 MB."""
    names = ("score", "stacked_score", "preferred_layer", "depth", "unique_variance")
    with xr.open_dataset(kept / "results.nc") as found:
        for network in found.network.values:
            for name in names:
                image, values = nibabel.load(kept / f"maps/{network}_{name}.nii.gz"), found[name].sel(network=network)
                np.testing.assert_allclose(image.affine, found.affine, atol=1e-5)
                there = np.asarray(image.dataobj)[tuple(found.ijk.values.T)]
                np.testing.assert_array_equal(there, values.values[0].T.astype(np.float32))
                assert np.isfinite(there).any()
        drawn = {f"{network}_{name}" for network in found.network.values for name in names}
    done = command("maps", kept)
    assert done.returncode == 0, done.stderr[-2000:]
    assert {path.name.removesuffix("_slices.png") for path in (kept / "pictures").glob("*.png")} == drawn
    pages = {path.stem: path.stat().st_size for path in (kept / "pictures").glob("*.html")}
    viewers = {name for name in drawn if "stacked" in name or not name.endswith("_score")}
    assert pages.keys() == viewers | {"index"} and max(pages.values()) < 2e6
