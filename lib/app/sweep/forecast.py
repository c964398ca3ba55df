"""What a task will need, known before it starts: memory in its largest moment, core hours, room on the disk.

Memory is a sum of arrays. With n training and m test images, layers of p features, and blocks of b voxels, in bytes:

    what Python and its libraries hold                       as this process does
    each layer that is decomposed: U, test images            4 n (n + m)

and, whichever is larger, times HEAP,

    decomposing a layer: its activations, read through a
    memory map; Gram matrix and LAPACK's workspace           4 p (n + m) + 12 n^2
    a block: responses, one layer's products, errors         b (28 n + 8 m), b 4 (n + m) of every layer

Core hours count the products and decompositions of the fit at this machine's speed; showing the pictures is extra.
"""

import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import psutil
from threadpoolctl import threadpool_limits

from lib.analysis.encoding import voxels_at_once
from lib.app.sweep.analyses import Decoding, Encoding
from lib.app.sweep.store import Store
from lib.app.sweep.tasks import Task
from lib.core.scores import IMAGE_GROUPS
from lib.data.cortex import VOXELS_AT_ONCE
from lib.data.laion import laion_files, read_laion_layout
from lib.data.nsd import nsd_files, read_layout, read_rois
from lib.networks import extract, load_network
from lib.simulation.sizes import GOD, NSD, SIZES
from lib.solvers.ridge import BLOCK_BYTES

SLOWER = 1.7  # than products of matrices: measured for one participant in size (`make rehearsal`)
_FOLDS = 5
HEAP = 1.7  # arrays of many sizes come and go, and leave holes: measured (`make rehearsal`, `benchmarks.cortex`)
SESSION_TRIALS = 750


@dataclass(frozen=True)
class Forecast:
    """What a task is expected to need.

    Attributes
    ----------
    bytes : int or None
        Of memory; None where nobody knows.
    reason : str
        Where the number comes from, or why it is not known.
    operations : float
        In single precision, of the fit; 0 where nobody knows.
    kept : int
        Bytes on the disk: activations, shared by tasks on the same pictures, and results.
    """

    bytes: int | None
    reason: str
    operations: float = 0.0
    kept: int = 0

    @property
    def hours(self) -> float:
        """Core hours at this machine's speed."""
        return SLOWER * self.operations / speed(1) / 3600


@dataclass(frozen=True)
class Size:
    """How large an encoding task is.

    Attributes
    ----------
    n, m : int
        Training and test images.
    voxels : int
    features : tuple of int
        One number per layer.
    cortex : bool
        Whether responses are read from a file.
    simulated : bool
        Whether voxels are simulated first: all their trials are in memory then.
    """

    n: int
    m: int
    voxels: int
    features: tuple[int, ...]
    cortex: bool = False
    simulated: bool = False

    def loading(self) -> int:
        """Bytes while the participant is read, or simulated."""
        images = self.n + self.m
        if self.cortex:  # a session, and a block of its voxels standardised
            return 4 * SESSION_TRIALS * (self.voxels + 4 * min(self.voxels, VOXELS_AT_ONCE))
        if self.simulated:  # three trials of each image, their noise, and the products; a layer's components
            return 48 * images * self.voxels + images * (12 * max(self.features) + 24 * images)
        return 8 * images * self.voxels

    def fitting(self, memory_bytes: int) -> int:
        """Bytes of all layers' decompositions and, beside them, of the last layer's decomposing or of a block."""
        n, images = self.n, self.n + self.m
        decomposed = [4 * min(n, p) * images + (4 * p * p if p < n else 0) for p in self.features]
        decomposing = max(self._decomposing(p) for p in self.features)
        b = min(self.voxels, voxels_at_once(len(self.features), images, memory_bytes))
        block = b * (28 * n + 8 * self.m + 4 * len(self.features) * images)
        last = 4 * min(n, self.features[-1]) * images  # not yet there while it is being computed
        return sum(decomposed) + max(int(HEAP * decomposing) - last, int(HEAP * block))

    def _decomposing(self, p: int) -> int:
        """Bytes while a layer of p features is decomposed."""
        shared = 12 * min(self.n, p) ** 2 * (2 if p < self.n else 1) + min(BLOCK_BYTES // 2, 4 * p * self.n)
        return 4 * p * (self.n + self.m) + shared

    def peak(self, memory_bytes: int) -> int:
        """Bytes of the largest moment, besides what the libraries hold."""
        responses = 0 if self.cortex else (8 if self.simulated else 4) * (self.n + self.m) * self.voxels
        return max(self.loading(), responses + self.fitting(memory_bytes))

    def operations(self) -> float:
        """Operations in single precision of fitting all layers by the fast protocol."""
        n, m, fold = self.n, self.m, self.n / _FOLDS
        gram = sum(p * n**2 + 2 * m * n * (p + n) for p in self.features)
        leverage = 13 * _FOLDS * (fold**2 * n + fold**3 / 3)  # of the penalties that voxels chose
        fits = self.voxels * n * (4 * n + 2 * fold + 2 * m)
        return gram + len(self.features) * (14 / 3 * n**3 + leverage + fits)

    def kept(self) -> int:
        """Bytes on the disk: float32 activations, scores of layers and of groups of images."""
        layers = len(self.features)
        results = self.voxels * (8 * (5 * layers + 3) + 4 * IMAGE_GROUPS * (2 * layers + 1))
        return 4 * (self.n + self.m) * sum(self.features) + results


def forecast(task: Task, store: Store) -> Forecast:
    """The memory that a task is expected to need: what it needed before, else a sum of arrays."""
    if record := store.record(task):
        return Forecast(record["peak_bytes"], "as last time")
    if task.notebook:
        return Forecast(None, "a notebook tells after its first run")
    try:
        analysis = task.analysis
        return encoding_forecast(analysis) if isinstance(analysis, Encoding) else decoding_forecast(analysis)
    except (ValueError, OSError) as error:
        return Forecast(None, f"not known: {error}")


def encoding_forecast(task: Encoding) -> Forecast:
    """The memory of an encoding task."""
    size = encoding_size(task)
    layers = f"{len(size.features)} layers of up to {max(size.features):,} features"
    reason = f"{size.n:,} + {size.m:,} images, {size.voxels:,} voxels, {layers}"
    peak = resident_bytes() + size.peak(task.memory_bytes)
    return Forecast(peak, reason, size.operations(), size.kept())


def encoding_size(task: Encoding) -> Size:
    """How large an encoding task is; of measured data, the files that say so are read, but no betas.

    Without a folder, measured data have their full size.
    """
    features, simulated = _n_features(task.network, task.weights), task.dataset == "simulated"
    if simulated or task.data_root is None:
        size = (NSD.default if simulated else SIZES[task.dataset].measured).given(task.n_images, task.voxels_per_roi)
        m = -(-15 * size.n_images // 100)
        return Size(size.n_images - m, m, 10 * size.voxels_per_roi, features, simulated=simulated)
    if task.dataset == "laion":
        rows = read_laion_layout(laion_files(task.subject, task.data_root), split=task.split).rows
        return Size(len(rows.split.train), len(rows.split.test), rows.shape[1], features)
    files, cortex = nsd_files(task.subject, task.data_root), task.voxels == "cortex"
    layout = read_layout(files, None, task.split, task.zscore)
    voxels = layout.shape[1] if cortex else int(np.any(list(read_rois(files).values()), axis=0).sum())
    return Size(len(layout.split.train), len(layout.split.test), voxels, features, cortex)


@cache
def _n_features(name: str, weights: str) -> tuple[int, ...]:
    """Number of features of each layer of a network."""
    network = load_network(name, weights)
    picture = np.zeros((network.input_size, network.input_size, 3), np.uint8)
    return tuple(rows.shape[1] for rows in extract(network, [picture], device="cpu").values())


def decoding_forecast(task: Decoding) -> Forecast:
    """The memory of a decoding task: voxels, their Gram matrix, and the units of all layers."""
    default = GOD.default if task.dataset == "simulated" else GOD.measured
    size = default.given(task.n_images, task.voxels_per_roi)
    n, v = size.n_images, 8 * size.voxels_per_roi
    units = task.n_units * len(task.choices.taps(task.network))
    reason = f"{n:,} trials, {v:,} voxels, {units:,} units on {task.n_voxels} voxels each"
    return Forecast(resident_bytes() + decoding_bytes(n, v, units), reason)


def decoding_bytes(n_trials: int, n_voxels: int, n_units: int) -> int:
    """Bytes of decoding units by least squares: trials, the voxels' Gram matrix, units and their weights.

    Parameters
    ----------
    n_trials, n_voxels, n_units : int
    """
    return 8 * (7 * n_trials * n_voxels + 2 * n_voxels**2 + (3 * n_trials + 2 * n_voxels) * n_units)


def resident_bytes() -> int:
    """Bytes that Python and the libraries hold, as in this process."""
    return psutil.Process().memory_info().rss


@cache
def speed(n_threads: int | None = None) -> float:
    """Operations a second in a product of two matrices in single precision, on this machine now.

    Parameters
    ----------
    n_threads : int, optional
        By default as many as the library takes.
    """
    n = 1500
    a = np.random.default_rng(0).random((n, n), np.float32)
    with threadpool_limits(n_threads):
        a @ a  # the first product starts threads
        start = time.perf_counter()
        a @ a
        return 2 * n**3 / (time.perf_counter() - start)
