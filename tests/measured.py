"""Small NSD, GOD and LAION-fMRI folders, written by hand from the descriptions of their layouts for several tests."""

import csv
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import h5py
import nibabel
import numpy as np
from PIL import Image
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


def damage(path: Path) -> None:
    """Change a byte amid the numbers of a compressed file; only the checksum at its end tells."""
    content = bytearray(gzip.compress(gzip.decompress(path.read_bytes()), 0))
    content[-40] ^= 1
    path.write_bytes(content)


def write_sform(path: Path, value: float) -> None:
    """Fill the rows of a compressed NIfTI file's sform."""
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[280:328] = np.full(12, value, "<f4").tobytes()
    path.write_bytes(gzip.compress(content))


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


LAION_SHAPE, LAION_TRIALS = (7, 6, 5), {1: 24, 2: 26}
LAION_AFFINE = np.array([[-1.778, 0, 0, 10], [0, 1.778, 0, -20], [0, 0, 1.778, 5], [0, 0, 0, 1.0]])  # x mirrored
LAION_GLM = "derivatives/glmsingle-tedana/sub-01"
LAION_MASKS = {  # category: mask: the plane of x that it fills
    "retinotopy": {"V1v": 0, "V1d": 1, "V2v": 2, "V2d": 3, "V3v": 4, "V3d": 5, "hV4": 6},
    "face": {"OFA": 1, "FFA-1": 2, "FFA2": 3, "pSTS-faces": 5},
    "place": {"OPA": 1, "PPA": 2, "MPA": 4},
}


@dataclass
class TinyLaion:
    """What was written: betas by session (n_trials, X, Y, Z), labels by session, brain, pictures by name."""

    root: Path
    betas: dict[int, np.ndarray]
    labels: dict[int, list[str]]
    brain: np.ndarray
    names: list[str]

    def session(self, number: int, what: str) -> Path:
        return self.root / f"{LAION_GLM}/ses-{number:02d}/func/sub-01_ses-{number:02d}_task-images_{what}"

    def map(self, what: str) -> Path:
        return self.root / f"{LAION_GLM}/sub-01_task-images_space-T1w_{what}_statmap.nii.gz"

    def mask(self, category: str, name: str) -> Path:
        return self.root / f"derivatives/rois/sub-01/{category}/sub-01_space-T1w_res-1pt8_label-{name}_mask.nii.gz"


LAION_BETAS = "space-T1w_stat-effect_desc-SingletrialBetas_statmap.nii.gz"
LAION_LABELS = "desc-SingletrialBetas_trials.tsv"


def write_laion_volume(path: Path, values: np.ndarray, affine: np.ndarray = LAION_AFFINE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, affine), path)


def laion_bytes(i: int, png: bool) -> bytes:
    """A picture as a file: grey level 11 i; the left half of a PNG is transparent over red."""
    content = BytesIO()
    pixels = np.full((8, 8, 4 if png else 3), 11 * i, np.uint8)
    if png:
        pixels[:, :4] = 255, 0, 0, 0
        pixels[:, 4:, 3] = 255
    Image.fromarray(pixels).save(content, "PNG" if png else "JPEG")
    return content.getvalue()


def write_tiny_laion(root: Path) -> TinyLaion:
    """Two sessions of sub-01: 20 pictures, a voxel that is NaN in session 2, voxels outside the brain in every mask."""
    rng = np.random.default_rng(4)
    names = [f"shared_12rep_LAION_cluster_{i}_i0.jpg" for i in range(8)]
    names += [f"shared_4rep_OOD_cropped_thing{i}.png" for i in range(4)]
    names += [f"unique_THINGS_{i}_p01.jpg" for i in range(8)]
    brain = np.zeros(LAION_SHAPE, bool)
    brain[:, 1:5, 1:4] = True
    brain[0, 1, 1] = False
    made = TinyLaion(root, {}, {}, brain, names)
    for number, n in LAION_TRIALS.items():
        betas = np.where(brain, rng.normal(size=(n, *LAION_SHAPE)), 0).astype(np.float32)
        if number == 2:
            betas[:, 3, 3, 2] = np.nan
        made.betas[number] = betas
        made.labels[number] = [*rng.permutation(names).tolist(), *rng.choice(names, n - len(names)).tolist()]
        write_laion_volume(made.session(number, LAION_BETAS), betas.transpose(1, 2, 3, 0))
        lines = ["session\trun\tbeta_index\tlabel"]
        lines += [f"ses-{number:02d}\trun-{1 + i // 3:02d}\t{i}\t{name}" for i, name in enumerate(made.labels[number])]
        made.session(number, LAION_LABELS).write_text("\n".join(lines) + "\n")
    write_laion_volume(made.map("stat-rsquare_desc-R2mean"), np.where(brain, 30, 0).astype(np.float32))
    write_laion_volume(made.map("desc-Noiseceiling4rep"), np.where(brain, 60, 0).astype(np.float32))
    write_laion_volume(made.map("desc-Noiseceiling12rep"), np.where(brain, 80, 0).astype(np.float32))
    for category, masks in LAION_MASKS.items():
        for name, x in masks.items():
            values = np.zeros(LAION_SHAPE, np.uint8)
            values[x, 2:6] = 1
            write_laion_volume(made.mask(category, name), values)
    (root / "stimuli").mkdir()
    table = "\n".join(["image_name,dataset,n_reps", *(f"{name},x,4rep" for name in names)])
    (root / "stimuli/task-images_metadata.csv").write_text(table + "\n")
    with h5py.File(root / "stimuli/task-images_stimuli.h5", "w") as file:
        pictures = file.create_dataset("images", len(names), h5py.vlen_dtype(np.uint8))
        for i, name in enumerate(names):
            pictures[i] = np.frombuffer(laion_bytes(i, name.endswith("png")), np.uint8)
    with h5py.File(root / "stimuli/task-images_desc-CLIP_embeddings.h5", "w") as file:
        file["embedding"] = np.arange(len(names), dtype=np.float16)[::-1, None] + np.zeros(6, np.float16)
        file.create_dataset("image_ids", data=names[::-1], dtype=h5py.string_dtype())
        file["valid"] = np.ones(len(names), bool)
    return made


def write_laion_split(root: Path, train: list[str], test: list[str], pool: str = "sub-01") -> Path:
    path = root / f"LAION-fMRI/laion_fmri/splits/data/{pool}/ood.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"name": "ood", "variants": [{"train_ids": train, "test_ids": test}]}))
    return path
