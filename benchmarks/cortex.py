"""A whole cortex on disk: 200,000 voxels, three layers, within the memory that the forecast prints.

    python -m benchmarks.cortex

Responses and layers are random numbers in files (`benchmarks.rehearsal` writes them). Prints the forecast before it
starts, and seconds and peak memory when it is done; ends with an error if the peak is 4 GB or more, or more than 20 %
away from the forecast.
"""

import argparse
from pathlib import Path

from benchmarks.harness import record, run
from benchmarks.rehearsal import fit, write
from lib.analysis.encoding import MEMORY_BYTES
from lib.app.sweep.forecast import Size, resident_bytes

MOST, TOLERANCE = 4e9, 0.2


def main(arguments: list[str] | None = None) -> None:
    """Write the data, forecast, run, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("images", 3400), ("test", 600), ("features", 20_000), ("layers", 3), ("voxels", 200_000),
        ("memory-bytes", MEMORY_BYTES // 4),
    ):  # fmt: skip
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default:,}")
    parser.add_argument("--folder", type=Path, default=Path("_build/cortex"), help="for the data, some 4 GB")
    given = parser.parse_args(arguments)
    files = write(given.folder, given)
    size = Size(given.images, given.test, given.voxels, (given.features,) * given.layers, cortex=True)
    forecast = resident_bytes() + size.fitting(given.memory_bytes)
    print(f"forecast: {forecast / 1e9:.2f} GB")
    before = resident_bytes()
    whole = run(lambda: fit(files, given.images, memory_bytes=given.memory_bytes))
    peak = before + (whole.peak_bytes or 0)
    print(f"measured: {peak / 1e9:.2f} GB ({peak / forecast:.0%} of the forecast), {whole.seconds:.0f} s")
    sizes = {name: value for name, value in vars(given).items() if name != "folder"}
    record("cortex", {"size": sizes, "forecast bytes": forecast, "peak bytes": peak, "seconds": whole.seconds})
    if peak >= MOST or abs(peak / forecast - 1) > TOLERANCE:
        raise AssertionError(f"The peak must be below {MOST / 1e9:.0f} GB and within {TOLERANCE:.0%} of the forecast.")


if __name__ == "__main__":
    main()
