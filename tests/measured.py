"""Small NSD and GOD folders, written by hand from the description of their layouts; shared by several tests."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import nibabel
import numpy as np
from scipy.io import savemat

VOLUME = (5, 6, 7)  # instead of participant 1's 81 x 104 x 83
EXPERIMENT = "nsddata/experiments/nsd"
BETAS = "nsddata_betas/ppdata/subj01/func1pt8mm/betas_fithrf_GLMdenoise_RR"
MASKS = "nsddata/ppdata/subj01/func1pt8mm/roi"
STIMULI = "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5"
DESIGN, TABLE = f"{EXPERIMENT}/nsd_expdesign.mat", f"{EXPERIMENT}/nsd_stim_info_merged.csv"
NCSNR = f"{BETAS}/ncsnr.nii.gz"
LARGEST = {"prf-visualrois": 7, "floc-places": 3, "floc-faces": 5}


@dataclass
class TinyNsd:
    """What was written: betas (n_sessions, 750, X, Y, Z), labels by file name, ncsnr, ids per trial, shared ids."""

    root: Path
    betas: np.ndarray
    labels: dict[str, np.ndarray]
    ncsnr: np.ndarray
    image: np.ndarray
    shared: np.ndarray


def write_nifti(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), path)


def write_session(root: Path, number: int, betas: np.ndarray, chunks: object = None) -> None:
    """One session (n_trials, X, Y, Z) as HDF5, which holds (n_trials, Z, Y, X)."""
    path = root / BETAS / f"betas_session{number:02d}.hdf5"
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset("betas", data=betas.transpose(0, 3, 2, 1), chunks=chunks)


def write_brick(path: Path, shape: tuple[int, ...] = (73000, 425, 425, 3), dtype: str = "uint8") -> None:
    """Only image 7 is written, filled with 7; the others cost nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        brick = file.create_dataset("imgBrick", shape, dtype, chunks=(1, *shape[1:]), compression="gzip")
        brick[7] = 7


def write_design(root: Path, **other: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scattered ids; returns masterordering, subjectim and sharedix, all from 1. None leaves a variable out."""
    rng = np.random.default_rng(1)
    ids = rng.permutation(73000) + 1
    shared = np.sort(ids[:1000])[None]
    own = np.sort(ids[1000:].reshape(8, 9000))
    subjects = np.hstack([np.tile(shared, (8, 1)), own])
    # the first two sessions show 500 images three times each, 100 of them shared
    first = np.r_[1:101, 1001:1401]
    rest = np.setdiff1d(np.arange(1, 10001), first)
    order = np.r_[rng.permutation(first.repeat(3)), rng.permutation(rest.repeat(3))][None]
    design = {"masterordering": order, "subjectim": subjects, "sharedix": shared} | other
    (root / EXPERIMENT).mkdir(parents=True, exist_ok=True)
    savemat(root / DESIGN, {name: values for name, values in design.items() if values is not None})
    return order[0], subjects, shared[0]


def write_table(
    root: Path, order: np.ndarray, own: np.ndarray, columns: Iterable[str] = (), n_rows: int = 73000
) -> None:
    """The images' table for participant 1: three trials, from 1, of each of their images."""
    trials = np.zeros((73000, 3), int)
    trials[own - 1] = np.argsort(order, kind="stable").reshape(10000, 3) + 1
    columns = list(columns) or ["", "cocoId", "cropBox", "nsdId", *(f"subject1_rep{i}" for i in range(3))]
    with (root / TABLE).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([i, 0, "(0, 0, 0.1, 0.2)", i, *trials[i].tolist()] for i in range(n_rows))


def write_tiny_nsd(root: Path, table: bool = True) -> TinyNsd:
    """Two sessions of participant 1 in a volume of 5 x 6 x 7; places and faces overlap."""
    rng = np.random.default_rng(0)
    betas = rng.integers(-900, 1200, (2, 750, *VOLUME)).astype(np.int16)
    for number, session in enumerate(betas, start=1):
        write_session(root, number, session)
    labels = {name: rng.integers(-1, top + 1, VOLUME).astype(np.int16) for name, top in LARGEST.items()}
    for name, values in labels.items():
        write_nifti(root / MASKS / f"{name}.nii.gz", values)
        left = np.arange(VOLUME[0])[:, None, None] < 2
        write_nifti(root / MASKS / f"lh.{name}.nii.gz", np.where(left, values, -1).astype(np.int16))
        write_nifti(root / MASKS / f"rh.{name}.nii.gz", np.where(left, -1, values).astype(np.int16))
    ncsnr = rng.uniform(0, 1, VOLUME).astype(np.float32)
    write_nifti(root / NCSNR, ncsnr)
    order, subjects, shared = write_design(root)
    if table:
        write_table(root, order, subjects[0])
    write_brick(root / STIMULI)
    return TinyNsd(root, betas, labels, ncsnr, subjects[0][order - 1] - 1, shared - 1)


GOD_KEYS = ("V1", "V2", "V3", "V4", "LOC", "FFA", "PPA", "LVC", "HVC", "VC")


@dataclass
class TinyGod:
    """What was written: the table, its metadata, and the ids as they stand in the file."""

    root: Path
    dataset: np.ndarray
    marks: dict[str, np.ndarray]
    ids: np.ndarray
    kind: np.ndarray


def tiny_god(root: Path, image_label: str = "stimulus_id") -> TinyGod:
    """40 training trials, 5 test images 4 times, 5 categories imagined twice; 12 voxels."""
    rng = np.random.default_rng(2)
    train = 1518878 + np.arange(40) // 8 + rng.permutation(40) * 1e-6 + 0.0059
    test = np.array([1443537.022563, 1621127.01902, 1677366.018182, 1846331.017038, 1858441.011077])
    ids = np.r_[rng.permutation(train), rng.permutation(test.repeat(4)), np.floor(test).repeat(2)]
    kind = np.repeat([1.0, 2.0, 3.0], [40, 20, 10])
    labels = {"DataType": kind, image_label: ids, "Run": np.ones(70)}
    voxels = np.arange(12)
    member = {roi: (voxels % 7 == i).astype(float) for i, roi in enumerate(GOD_KEYS[:7])}
    member |= {"LVC": (voxels % 7 < 3) * 1.0, "HVC": (voxels >= 4) * 1.0, "VC": np.ones(12)}
    pad = np.full(3, np.nan)
    marks = {"VoxelData": np.r_[np.ones(12), pad]}
    marks |= {f"voxel_{axis}": np.r_[rng.normal(0, 30, 12), pad] for axis in "xyz"}
    marks |= {f"ROI_{roi}": np.r_[values, pad] for roi, values in member.items()}
    for i, name in enumerate(labels):
        marks[name] = np.full(15, np.nan)
        marks[name][12 + i] = 1
    dataset = np.column_stack([rng.normal(size=(70, 12)), *labels.values()])
    return TinyGod(root, dataset, marks, ids, kind)


def write_god(god: TinyGod, dataset: str = "dataset", metadata: str = "metadata", file: str = "Subject1.h5") -> None:
    god.root.mkdir(parents=True, exist_ok=True)
    with h5py.File(god.root / file, "w") as h5:
        h5[dataset] = god.dataset
        h5[f"{metadata}/key"] = [key.encode() for key in god.marks]
        h5[f"{metadata}/description"] = [b"" for _ in god.marks]
        h5[f"{metadata}/value"] = np.array(list(god.marks.values()))
