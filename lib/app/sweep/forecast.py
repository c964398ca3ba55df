"""What a task will need, before it starts: the memory of its largest moment, and its time on this machine.

Memory is a sum of arrays, and so it is known. With n training and m test images, layers of p features, and blocks of b
voxels, in bytes:

    what Python and its libraries hold                       as this process does
    each layer that is decomposed: U, test images            4 n (n + m)

and, whichever is larger, times HEAP,

    decomposing a layer: its activations, read through a
    memory map; Gram matrix and LAPACK's workspace           4 p (n + m) + 12 n^2
    a block: responses, one layer's products, errors         b (28 n + 8 m), b 4 (n + m) of every layer

Time is counted in multiplications, at the rate that a product of two matrices reaches here, times SLOWER.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import numpy as np
import psutil
from threadpoolctl import threadpool_limits

from lib.analysis.decoding import Choices
from lib.analysis.encoding import FEW_IMAGES, voxels_at_once
from lib.app.notebooks import NotebookSource
from lib.app.sweep.analyses import Parameters
from lib.app.sweep.store import Store
from lib.app.sweep.tasks import Task
from lib.data.cortex import VOXELS_AT_ONCE, read_layout
from lib.data.nsd import nsd_files, read_rois
from lib.networks import load_network
from lib.networks.extraction import Showing, viewer
from lib.networks.layers import decoding_taps
from lib.simulation.sizes import GOD, NSD
from lib.solvers.ridge import ALPHAS, BLOCK_BYTES

HEAP = 1.7  # arrays of many sizes come and go, and leave holes: measured (`make rehearsal`, `benchmarks.cortex`)
SLOWER = 1.7  # than matrix products: measured on one NSD participant (`make rehearsal`)
N_ALPHAS = 8  # penalties that are in use in a layer, of 16
N_PICTURES = 8  # shown to a network to see how long it takes
GOD_SIZE = (1200, 50, 4500)  # training trials, test images, voxels of VC
SESSION_TRIALS = 750


@dataclass(frozen=True)
class Forecast:
    """What a task is expected to need.

    Attributes
    ----------
    bytes : int or None
        None where nobody knows.
    seconds : float or None
    words : str
        Where it comes from, or why it is not known.
    """

    bytes: int | None
    seconds: float | None
    words: str


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

    def responses(self) -> int:
        """Bytes of responses that stay in memory."""
        return 0 if self.cortex else (8 if self.simulated else 4) * (self.n + self.m) * self.voxels

    def decomposed(self) -> int:
        """Bytes of all layers' decompositions."""
        return sum(4 * min(self.n, p) * (self.n + self.m) + (4 * p * p if p < self.n else 0) for p in self.features)

    def decomposing(self) -> int:
        """Bytes beside them while the largest layer is decomposed."""
        return max(
            4 * p * (self.n + self.m)
            + 12 * min(self.n, p) ** 2 * (2 if p < self.n else 1)
            + min(BLOCK_BYTES // 2, 4 * p * self.n)
            for p in self.features
        )

    def block(self, memory_bytes: int) -> int:
        """Bytes of a block of voxels while its last layer is fitted."""
        b = min(self.voxels, voxels_at_once(len(self.features), self.n + self.m, memory_bytes))
        return b * (28 * self.n + 8 * self.m + 4 * len(self.features) * (self.n + self.m))

    def fitting(self, memory_bytes: int) -> int:
        """Bytes of decompositions and, beside them, of the last layer's decomposing or of a block."""
        last = 4 * min(self.n, self.features[-1]) * (self.n + self.m)  # not yet there while it is being computed
        decomposing, block = (int(HEAP * need) for need in (self.decomposing(), self.block(memory_bytes)))
        return max(self.decomposed() - last + decomposing, self.decomposed() + block)

    def peak(self, memory_bytes: int) -> int:
        """Bytes of the largest moment, besides what the libraries hold."""
        return max(self.loading(), self.responses() + self.fitting(memory_bytes))

    def operations(self, n_folds: int, *, k_fold: bool) -> float:
        """Multiplications and additions in single precision (LAPACK's in double count twice)."""
        n, m, v, fold = self.n, self.m, self.voxels, self.n / n_folds
        rounds = len(ALPHAS) if k_fold else 1  # how often out-of-fold errors are computed to choose penalties
        per_layer = 14 / 3 * n**3 + 4 * n**2 * v + 2 * m * n * (n + v)
        out_of_fold = (N_ALPHAS if rounds == 1 else rounds) * n_folds * (fold**2 * n + fold**3 / 3)
        per_layer += out_of_fold + rounds * (2 * fold * n * v + 2 * n**2 * v * (rounds > 1))
        products = sum((n**2 + 2 * m * n) * p for p in self.features)
        return len(self.features) * per_layer + products + 4 * len(self.features) ** 2 * n * v


def forecast(task: Task, store: Store, cores: int = 1) -> Forecast:
    """What a task is expected to need; a task that was done before needs what it needed then."""
    record = store.record(task)
    if record:
        return Forecast(int(record["peak_bytes"]), float(record["seconds"]), "as last time")
    if task.source:
        return _like_other_runs(task, store)
    try:
        return MODELS[task.what](task.parameters, cores)
    except (ValueError, OSError) as error:
        return Forecast(None, None, f"cannot be told: {error}")


def _like_other_runs(task: Task, store: Store) -> Forecast:
    """Of a notebook: what its other runs in this sweep needed, on average in time and at most in memory."""
    records = store.records_of(task.what)
    if not records:
        return _as_in_the_book(NotebookSource(Path(task.source)))
    seconds = float(np.mean([record["seconds"] for record in records]))
    return Forecast(max(int(record["peak_bytes"]) for record in records), seconds, f"as {len(records)} other runs")


def _as_in_the_book(source: NotebookSource) -> Forecast:
    """What the executed notebook beside its source says it took, with the parameters it had."""
    try:
        known = nbformat.read(source.output, as_version=4).metadata.companion
        return Forecast(int(known.memory) + resident(), float(known.seconds), "as beside its source, whatever its size")
    except (OSError, ValueError, AttributeError, TypeError):
        return Forecast(None, None, "a notebook tells after its first run")


def _encoding(parameters: Parameters, cores: int) -> Forecast:
    size = encoding_size(parameters)
    k_fold = parameters["protocol"] == "k-fold" or (parameters["protocol"] == "fast" and size.n < FEW_IMAGES)
    looking = (size.n + size.m) * _look(parameters["network"], parameters["weights"], True)[1]
    operations = size.operations(int(parameters["n_folds"]), k_fold=k_fold)
    layers = f"{len(size.features)} layers of up to {max(size.features):,} features"
    words = f"{size.n:,} + {size.m:,} images, {size.voxels:,} voxels, {layers}"
    memory = resident() + size.peak(int(parameters["memory_bytes"]))
    return Forecast(memory, looking + SLOWER * operations / rate(cores), words)


def encoding_size(parameters: Parameters) -> Size:
    """How large an encoding task is; of measured data, the files that say so are read, but no betas."""
    features = tuple(_look(parameters["network"], parameters["weights"], True)[0].values())
    if parameters["dataset"] == "simulated":
        size = NSD.default.given(parameters["n_images"], parameters["voxels_per_roi"])
        images, voxels = size.n_images, 10 * size.voxels_per_roi
        m = -(-15 * images // 100)
        return Size(images - m, m, voxels, features, simulated=True)
    files = nsd_files(int(parameters["subject"]), parameters["data_root"])
    layout, cortex = (
        read_layout(files, None, parameters["split"], parameters["zscore"]),
        parameters["voxels"] == "cortex",
    )
    voxels = layout.shape[1] if cortex else int(np.any(list(read_rois(files).values()), axis=0).sum())
    return Size(len(layout.train), len(layout.test), voxels, features, cortex)


def _decoding(parameters: Parameters, cores: int) -> Forecast:
    n, m, v = GOD_SIZE
    if parameters["dataset"] == "simulated":
        size = GOD.default.given(parameters["n_images"], parameters["voxels_per_roi"])
        n, v = size.n_images, 8 * size.voxels_per_roi
    network = load_network(parameters["network"], parameters["weights"])
    taps = decoding_taps(network.name, parameters["hidden"], parameters["output"])
    units = int(parameters["n_units"] or 1000) * len(taps)
    single, union = (Choices(n_voxels=int(parameters["n_voxels"])).kept(roi) for roi in ("V1", "VC"))
    rois = [(v // 8, single)] * 7 + [(share * v // 8, union) for share in (3, 4, 8)]  # V1 .. PPA; LVC, HVC, VC
    memory = 8 * (4 * n * v + 2 * v * v + 3 * n * units + 2 * units * v) + 3 * n * v * 8
    operations = sum(_decoding_operations(n, units, p, min(kept, p)) for p, kept in rois)
    looking = (n + m) * _look(network.name, parameters["weights"], False)[1]
    words = f"{n:,} trials, {v:,} voxels, {units:,} units on {single} voxels each"
    return Forecast(resident() + int(memory), looking + SLOWER * operations / rate(cores), words)


def _decoding_operations(n: int, units: int, p: int, kept: int) -> float:
    """Of units on some of p voxels: double precision counts twice, and small systems more than that."""
    left_out = p - kept
    shared = 2 * (n * p**2 + 2 * n * p * units)
    if left_out <= kept // 2:
        return shared + 2 * p**3 + units * (4 * p**2 * (left_out > 0) + 2 * left_out**3 + 4 * p * left_out)
    return shared + units * kept**3


MODELS: Mapping[str, Callable[[Parameters, int], Forecast]] = {"encoding": _encoding, "decoding": _decoding}


@cache
def _look(name: str, weights: str, pool: bool) -> tuple[dict[str, int], float]:
    """Number of features of each layer, and seconds per picture."""
    network = load_network(name, weights)
    pictures = list(np.zeros((N_PICTURES, network.input_size, network.input_size, 3), np.uint8))
    showing = Showing(network, pictures, network.pixels["as-published"], pool, N_PICTURES, "cpu")
    look = viewer(showing, taps := [network.tap(layer) for layer in network.layers])
    look(pictures[:1])
    start = time.perf_counter()
    found = look(pictures)
    return {tap: found[tap].shape[1] for tap in taps}, (time.perf_counter() - start) / N_PICTURES


@cache
def rate(cores: int, n: int = 1500) -> float:
    """Operations a second in a product of two single-precision matrices on so many cores of this machine."""
    a, seconds = np.ones((n, n), np.float32), []
    with threadpool_limits(cores):
        for _ in range(3):
            start = time.perf_counter()
            a @ a
            seconds.append(time.perf_counter() - start)
    return 2 * n**3 / min(seconds)


def resident() -> int:
    """Bytes that Python and the libraries hold, as in this process."""
    return psutil.Process().memory_info().rss
