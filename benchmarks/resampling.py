"""What share of a study's processor time the intervals take: images left out in turn, errors over blocks of cortex.

    python -m benchmarks.resampling

One simulated participant, from pictures and responses to verdicts on the claims of paper W, nothing kept from before.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence

from benchmarks.harness import phases, record, table
from lib.analysis import encoding
from lib.analysis.encoding_study import EncodingStudy
from lib.claims import claim, evaluate
from lib.networks import load_network
from lib.networks.zoo import PAPER_W
from lib.simulation.nsd_like import simulate
from lib.simulation.sizes import NSD

RESAMPLING = {
    "stacking weights without each group of images": (encoding, "_weights_by_images"),
    "scores without each group of images": (encoding, "_scores_by_images"),
    "errors over images and blocks of cortex": (claim, "clustered_error"),
}
WHOLE = "the whole study"


def measure(networks: Sequence[str] = PAPER_W, seed: int = 0, **size: int) -> dict[str, object]:
    """Processor seconds of each part, and its share of the study's.

    Parameters
    ----------
    networks : names
    seed : int
    **size
        `n_images`, `voxels_per_roi` of the participant.
    """
    participant = simulate(seed=seed, **size)
    with tempfile.TemporaryDirectory() as cache, phases(RESAMPLING, memory=False) as spent:
        start = time.process_time()
        results = {name: encoding.encode(participant, load_network(name), cache=cache) for name in networks}
        evaluate(EncodingStudy(participant, results))
        whole = time.process_time() - start
    seconds = {part: found["processor_seconds"] for part, found in spent.items()} | {WHOLE: whole}
    rows = [{"part": part, "processor seconds": s, "share": s / whole} for part, s in seconds.items()]
    return {"size": {**size, "networks": len(networks)}, "parts": rows}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args(arguments)
    found = measure(**vars(NSD.claims))
    print(table(found["parts"]))
    record("resampling", found)


if __name__ == "__main__":
    main()
