"""How much of a bare forward pass's throughput is left when activations are read, checked and kept on disk."""

from collections.abc import Callable
from tempfile import TemporaryDirectory
from time import process_time

import numpy as np
import torch

from benchmarks.harness import machine, record, table
from lib.data.participant import Images, Stimuli
from lib.networks import extract, load_network
from lib.networks.extraction import prepare


def measure(n_images: int, n_runs: int = 8) -> dict[str, float]:
    """Processor time of the full-sized AlexNet on one thread, so that other programs do not count: fastest of the runs.

    The key, a fifth of a second for 61 million weights whatever the number of images, is counted apart.
    """
    network = load_network("alexnet-object", "untrained-full")
    photographs = np.random.default_rng(0).integers(0, 256, (n_images, 224, 224, 3), dtype=np.uint8)
    batches = prepare(photographs, 224, "unit").split(32)
    key, whole = _seconds(lambda: network.digest), network.traced().whole()  # overwrites nothing, as reading must
    bare, ours = [], []
    for i in range(n_runs):
        shown = Images(Stimuli(f"photographs-{i}", lambda image: photographs[image]), np.arange(n_images))
        with TemporaryDirectory() as folder:
            bare.append(_seconds(lambda: [whole(batch) for batch in batches]))
            ours.append(_seconds(lambda shown=shown, folder=folder: extract(network, shown, cache=folder)))
    return {
        "images": n_images,
        "key (s)": key,
        "ms an image": 1e3 * min(ours) / n_images,
        "share of the bare throughput": min(bare) / (min(ours) - key),
    }


@torch.inference_mode()
def _seconds(call: Callable[[], object]) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    begin = process_time()
    call()
    torch.set_num_threads(threads)
    return process_time() - begin


def main(quick: bool = False) -> None:
    """Print what is left of the throughput, and record it; .9 and more is promised."""
    machine()
    rows = [measure(32, 1) if quick else measure(128)]
    print(table(rows))
    record("extraction", rows)


if __name__ == "__main__":
    main()
