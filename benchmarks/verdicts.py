"""How often each claim holds over twenty seeds, in every world.

    make verdicts
    python -m benchmarks.verdicts encoding     claims of paper W
    python -m benchmarks.verdicts decoding     claims of paper Y, by both analyses

That takes too long to be computed with a page: the rates go into the file of results, which the pages show.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping

from benchmarks.harness import record, table
from lib.claims import CLAIMS
from lib.claims.rates import Rate, simulated_verdicts
from lib.claims.studies import STUDY_KINDS

N_SEEDS = 20
QUICK = {"n_images": 150, "voxels_per_roi": 12}


def rates(kind: str, seeds: Iterable[int], **size: int) -> Iterator[Mapping[str, object]]:
    """A row per world and analysis: each claim's share of the seeds, in percent; None where none could decide it."""
    claims = [name for name, claim in CLAIMS.items() if claim.kind == kind]
    for analysis in STUDY_KINDS[kind].analyses:
        found = simulated_verdicts(claims, list(STUDY_KINDS[kind].worlds), seeds, analysis=analysis, **size)
        for world, verdicts in found.items():
            shares = {name: Rate.of(some).holds for name, some in verdicts.items()}
            percents = {name: None if share is None else round(100 * share) for name, share in shares.items()}
            yield {"world": world, "analysis": analysis, **percents}


def main(arguments: list[str] | None = None) -> None:
    """Count, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=STUDY_KINDS)
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="seeds 0, 1, ... (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="small brains, to see that everything runs")
    chosen = parser.parse_args(arguments)
    rows = list(rates(chosen.kind, range(chosen.seeds), **(QUICK if chosen.quick else {})))
    print(table(rows))
    record(f"verdicts {chosen.kind}", {"seeds": chosen.seeds, "rates": rows})


if __name__ == "__main__":
    main()
