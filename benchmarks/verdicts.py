"""How often each claim holds, is contradicted or stays undecided over twenty seeds, in every world.

    make verdicts
    python -m benchmarks.verdicts encoding     claims of paper W
    python -m benchmarks.verdicts decoding     claims of paper Y, by both analyses
    python -m benchmarks.verdicts calibration  how often intervals cover a known truth, over 500 studies
    python -m benchmarks.verdicts photographs  this book's own sentences about the 92 photographs, on the measured data

That takes too long to be computed with a page: the rates go into the file of results, which the pages show.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

import numpy as np

from benchmarks.harness import record, table
from lib.analysis.images92 import PhotographStudy, available_networks, likeness, load_photograph_data, represent
from lib.analysis.nested import encode_nested, mean_of_draws
from lib.claims import CLAIMS, OUTCOMES
from lib.claims.calibration import calibrate
from lib.claims.measured import SENTENCES, decide_sentences
from lib.claims.rates import Rate, simulated_verdicts
from lib.claims.studies import STUDY_KINDS

N_SEEDS = 20
CALIBRATION, N_KNOWN = "calibration", 500
PHOTOGRAPHS, NETWORKS = "photographs", ("lite0-object", "squeezenet-object", "mobilenet-object", "hed-edges")
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


def photograph_study(networks: Iterable[str] = NETWORKS) -> PhotographStudy:
    """What the page about the 92 photographs computes of these networks, as far as they are there."""
    data = load_photograph_data()
    if data.simulated:
        raise SystemExit("The measured data are missing: python -m lib fetch images92 kay2017")
    responses, found, alike = np.column_stack([data.areas.betas[area] for area in ("FFA", "VWFA")]), {}, {}
    for label, draws in available_networks(networks).items():
        seen = [represent(one, data.images.images) for one in draws]
        found[label] = mean_of_draws([encode_nested(one.coordinates, responses, n_orders=3) for one in seen])
        alike[label] = likeness(seen, data.images.rdms)
    return PhotographStudy(data.images.face, found, alike)


def sentences(study: PhotographStudy) -> dict[str, object]:
    """What becomes of each sentence about the 92 photographs."""
    verdicts = decide_sentences(study)
    return {name: {"words": SENTENCES[name].words, "verdict": asdict(one)} for name, one in verdicts.items()}


def main(arguments: list[str] | None = None) -> None:
    """Count, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=(*STUDY_KINDS, CALIBRATION, PHOTOGRAPHS))
    parser.add_argument(
        "--seeds", type=int, help=f"number of them (default: {N_SEEDS}, or {N_KNOWN} for {CALIBRATION})"
    )
    parser.add_argument("--first-seed", type=int, default=0, help="the others follow (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="small brains, to see that everything runs")
    chosen = parser.parse_args(arguments)
    if chosen.kind == PHOTOGRAPHS:
        record(PHOTOGRAPHS, sentences(photograph_study()))
        return
    n_seeds = chosen.seeds or (N_KNOWN if chosen.kind == CALIBRATION else N_SEEDS)
    if chosen.kind == CALIBRATION:
        coverage, nulls = ([asdict(one) for one in found] for found in calibrate(n_seeds, first_seed=chosen.first_seed))
        print(table(coverage), table(nulls), sep="\n\n")
        record(CALIBRATION, {"first_seed": chosen.first_seed, "coverage": coverage, "nulls": nulls})
        return
    seeds = range(chosen.first_seed, chosen.first_seed + n_seeds)
    rows = list(rates(chosen.kind, seeds, **(QUICK if chosen.quick else {})))
    print(table(rows))
    record(f"verdicts {chosen.kind}", {"seeds": len(seeds), "first_seed": seeds.start, "rates": rows})


if __name__ == "__main__":
    main()
