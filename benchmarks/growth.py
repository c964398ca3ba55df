"""How the time of one layer grows with images, features and voxels, by what it is spent on."""

from collections.abc import Sequence

from benchmarks.harness import machine, phases, record, run, table
from benchmarks.ridge import ours, simulate, work
from lib.solvers import ridge

BASE = {"images": 2000, "features": 4000, "voxels": 4000}
SWEEPS = {
    "images": (500, 1000, 2000, 4000),
    "features": (2500, 5000, 10_000, 20_000, 40_000),
    "voxels": (2000, 4000, 8000, 16_000, 32_000),
}
# What grows with the number of features, and what does not.
FEATURE_PRODUCTS = {"gram": (ridge, "_scaled_gram"), "project": (ridge, "_cross")}
REPEATS = 3


def measure(sizes: dict[str, int]) -> dict[str, float]:
    """Seconds of the fastest of a few runs: all of it, and the products over features; and the arithmetic limit."""
    data = simulate(*sizes.values(), n_test=200)
    found = []
    for _ in range(REPEATS):
        with phases(FEATURE_PRODUCTS) as spent:
            whole = run(lambda: ours(data))
        found.append((whole.seconds, sum(phase["seconds"] for phase in spent.values()), whole.answer))
    seconds, products, answer = min(found, key=lambda run: run[0])
    limit = machine().limit(work(data, len(set(answer.alphas))))
    return {"seconds": seconds, "products over features": products, "the rest": seconds - products, "limit": limit}


def main(quick: bool = False) -> None:
    """Print a table per size that grows, and record all."""
    measure({"images": 200, "features": 400, "voxels": 200})
    rows = [{"grows": name, **sizes, **measure(sizes)} for name, sizes in _all_sizes(10 if quick else 1)]
    print(table(rows))
    record("growth", rows)


def _all_sizes(smaller: int) -> Sequence[tuple[str, dict[str, int]]]:
    return [
        (name, {key: (value if key == name else size) // smaller for key, size in BASE.items()})
        for name, values in SWEEPS.items()
        for value in values
    ]


if __name__ == "__main__":
    main()
