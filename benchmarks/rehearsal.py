"""One participant of NSD in size: seven layers of 20,000 features, 10,000 images, 15,000 voxels, all on disk.

    make rehearsal

The numbers are random, but have what makes real ones hard: layers that share most of what they say, features that are
never negative, and voxels of which a tenth of the variance can be explained. Prints seconds and peak memory by phase,
and the arithmetic limit.
"""

import argparse
from pathlib import Path

import numpy as np
from tqdm import trange

from benchmarks.harness import Work, machine, phases, record, run, table
from lib.analysis import encoding
from lib.analysis.encoding import MEMORY_BYTES, EncodingResult, fit_encoding
from lib.solvers.ridge import Ridge

N_SHARED = 400  # dimensions of what the layers say


def write(folder: Path, size: argparse.Namespace) -> dict[str, Path]:
    """Layers and responses as npy files, all images in one; what is already there is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((size.images + size.test, N_SHARED), np.float32)
    latent /= np.sqrt(np.arange(1, N_SHARED + 1, dtype=np.float32))
    files = {f"layer{k}": folder / f"layer{k}_{len(latent)}x{size.features}.npy" for k in range(size.layers)}
    files["voxels"] = folder / f"voxels_{len(latent)}x{size.voxels}.npy"
    for k in trange(len(files), desc="writing"):
        _write(list(files.values())[k], latent, np.random.default_rng(1 + k), list(files)[k] == "voxels")
    return files


def _write(file: Path, latent: np.ndarray, rng: np.random.Generator, voxels: bool) -> None:
    """Random mixtures of the latent dimensions and noise, 500 rows at a time."""
    if file.exists():
        return
    n_columns = int(file.stem.split("x")[-1])
    mixture = rng.standard_normal((N_SHARED, n_columns), np.float32)
    array = np.lib.format.open_memmap(aside := file.with_suffix(".part"), "w+", np.float32, (len(latent), n_columns))
    for start in range(0, len(latent), 500):
        rows = latent[start : start + 500] @ mixture
        noise = rng.standard_normal(rows.shape, np.float32)
        array[start : start + 500] = rows + 8 * noise if voxels else np.maximum(rows + noise, 0)
    array.flush()
    aside.replace(file)


def fit(files: dict[str, Path], n_train: int, memory_bytes: int = MEMORY_BYTES) -> EncodingResult:
    """The default analysis, features and responses memory-mapped."""
    arrays = {name: np.load(file, mmap_mode="r") for name, file in files.items()}
    y = arrays.pop("voxels")
    train, test = ({name: X[part] for name, X in arrays.items()} for part in (slice(n_train), slice(n_train, None)))
    return fit_encoding(train, y[:n_train], test, y[n_train:], memory_bytes=memory_bytes)


def work(size: argparse.Namespace, n_alphas: int, n_folds: int = 5) -> Work:
    """What the default protocol computes; `n_alphas` penalties are in use in each layer."""
    n, m, p, v, k = size.images, size.test, size.features, size.voxels, size.layers
    block = n // n_folds
    layer = (
        n**2 * p + 14 / 3 * n**3  # Gram matrix (half of it, by symmetry); eigenvectors
        + 2 * m * n * p + 2 * m * n**2  # coordinates of the test images
        + 2 * 2 * n**2 * v  # U'y, and the residuals
        + n_folds * n_alphas * (block**2 * n + block**3 / 3)  # leverage of each fold, and its factors
        + 2 * block * n * v + 2 * m * n * v  # out-of-fold errors; test predictions
    )  # fmt: skip
    products = 2 * k**2 * n * v
    return Work(k * layer, products, 4 * k * (2 * (n + m) * p + 4 * n * v))


PHASES = {
    "check": (encoding, "check_images"),
    "decompose": (encoding, "decompose"),
    "project": (encoding, "project"),
    "fit ridge": (encoding, "fit_groups"),
    "out of fold": (encoding, "out_of_fold_errors"),
    "predict": (Ridge, "predict"),
    "error products": (encoding, "error_products"),
    "stacking": (encoding, "simplex_weights"),
    "scores": (encoding, "_scores"),
}


def main(arguments: list[str] | None = None) -> None:
    """Write the data, run the analysis, print and record what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("images", 8500), ("test", 1500), ("features", 20_000), ("layers", 7), ("voxels", 15_000),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default:,}")
    parser.add_argument("--folder", type=Path, default=Path("_build/rehearsal"), help="for the data, some 6 GB")
    size = parser.parse_args(arguments)
    files = write(size.folder, size)
    limits = machine()
    with phases(PHASES) as spent:
        whole = run(lambda: fit(files, size.images))
    n_alphas = np.mean([len(np.unique(row)) for row in whole.answer.alphas])
    limit = limits.limit(work(size, n_alphas))
    rows = [
        {"phase": phase, "seconds": round(s["seconds"], 1), "peak GB": round(s["peak_bytes"] / 1e9, 2)}
        for phase, s in spent.items()
    ]
    peak = max(s["peak_bytes"] for s in spent.values())
    rows.append({"phase": "whole", "seconds": round(whole.seconds, 1), "peak GB": round(peak / 1e9, 2)})
    print(table(rows))
    print(f"arithmetic limit {limit:.0f} s, ratio {whole.seconds / limit:.2f}; {limits}")
    print(f"mean stacked R {np.nanmean(whole.answer.stacked_score):.3f}")
    sizes = {name: value for name, value in vars(size).items() if name != "folder"}
    record("rehearsal", {"size": sizes, "limit": limit, "seconds": whole.seconds, "phases": rows})


if __name__ == "__main__":
    main()
