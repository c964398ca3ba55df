"""How often each claim holds, is contradicted or stays undecided over twenty seeds, in every world.

    make verdicts
    python -m benchmarks.verdicts encoding     claims of paper W
    python -m benchmarks.verdicts decoding     claims of paper Y, by both analyses

That takes too long to be computed with a page: the rates go into the file of results, which the pages show.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping

from benchmarks.harness import record, table
from lib.claims import CLAIMS, OUTCOMES
from lib.claims.rates import Rate, simulated_verdicts
from lib.claims.studies import STUDY_KINDS

N_SEEDS = 20
QUICK = {"n_images": 150, "voxels_per_roi": 12}


def rates(kind: str, seeds: Iterable[int], **size: int) -> Iterator[Mapping[str, object]]:
    """A row per world, analysis and outcome: each claim's share of the seeds, in percent."""
    claims = [name for name, claim in CLAIMS.items() if claim.kind == kind]
    for analysis in STUDY_KINDS[kind].analyses:
        found = simulated_verdicts(claims, list(STUDY_KINDS[kind].worlds), seeds, analysis=analysis, **size)
        for world, verdicts in found.items():
            shares = {name: Rate.of(some) for name, some in verdicts.items()}
            for outcome in OUTCOMES:
                percents = {name: round(100 * getattr(one, outcome)) for name, one in shares.items()}
                yield {"world": world, "analysis": analysis, "outcome": outcome, **percents}


def main(arguments: list[str] | None = None) -> None:
    """Count, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=STUDY_KINDS)
    parser.add_argument("--seeds", type=int, default=N_SEEDS, help="number of them (default: %(default)s)")
    parser.add_argument("--first-seed", type=int, default=0, help="the others follow (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="small brains, to see that everything runs")
    chosen = parser.parse_args(arguments)
    seeds = range(chosen.first_seed, chosen.first_seed + chosen.seeds)
    rows = list(rates(chosen.kind, seeds, **(QUICK if chosen.quick else {})))
    print(table(rows))
    record(f"verdicts {chosen.kind}", {"seeds": len(seeds), "first_seed": seeds.start, "rates": rows})


if __name__ == "__main__":
    main()
