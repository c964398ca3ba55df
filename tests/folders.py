"""Notebooks run on small simulated folders in the layouts of measured data sets, by the command."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

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
