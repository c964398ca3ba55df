"""How often each claim holds, is contradicted or stays undecided over simulated studies.

    make verdicts
    python -m benchmarks.verdicts encoding     claims of paper W, in every world
    python -m benchmarks.verdicts decoding     claims of paper Y, in every world, by both analyses
    python -m benchmarks.verdicts power        all claims where they were planted, by the number of images
    python -m benchmarks.verdicts calibration  how often intervals cover a known truth, over 2,000 studies
    python -m benchmarks.verdicts photographs  this book's own sentences about the 92 photographs, on the measured data

That takes too long to be computed with a page: every study goes into a file, lib/claims/counted.json, which the pages
show. A study that is in the file is not simulated again, so a run that was cut off goes on where it was. Seeds on which
worlds were chosen are refused.
"""

import argparse
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import product

import numpy as np

from benchmarks.harness import record, table
from lib.analysis.images92 import PhotographStudy, available_networks, likeness, load_photograph_data, represent
from lib.analysis.nested import encode_nested, mean_of_draws
from lib.claims import CLAIMS
from lib.claims.calibration import calibrate
from lib.claims.counted import COUNTED, CountedStudy, recorded_studies
from lib.claims.measured import SENTENCES, decide_sentences
from lib.claims.rates import JUDGING_SEEDS, POWER_SEEDS, counted_studies, simulated_verdicts
from lib.claims.studies import EVERY_WORLD, STUDY_KINDS
from lib.core.disk import write_json
from lib.figures.judging import rate_table
from lib.simulation.worlds import PLANTING_SEEDS

CALIBRATION, N_KNOWN = "calibration", 2000
PHOTOGRAPHS, NETWORKS = "photographs", ("lite0-object", "squeezenet-object", "mobilenet-object", "hed-edges")
POWER_IMAGES = {"encoding": (500, 1000, 2000, 3000), "decoding": (400, 1200, 2400)}
QUICK = {"voxels_per_roi": 12}


def count(
    kind: str, worlds: Collection[str], analysis: str, seed: int, n_images: int, **size: int
) -> list[CountedStudy]:
    """Simulate, decide and record the studies of a seed that the file lacks; return all of them.

    Parameters
    ----------
    kind : "encoding" or "decoding"
    worlds : collection of str
    analysis : str
    seed, n_images : int
    **size
        `voxels_per_roi`.
    """
    if seed in PLANTING_SEEDS:
        chosen_on = f"{PLANTING_SEEDS[0]} to {PLANTING_SEEDS[-1]}"
        raise ValueError(f"seed {seed}: expected none of {chosen_on}, on which worlds were chosen; take another.")
    claims = [name for name, claim in CLAIMS.items() if claim.kind == kind]
    there = {one.world for one in _recorded(kind, worlds, analysis, seed, n_images)}
    if missing := [world for world in worlds if world not in there]:
        found = simulated_verdicts(claims, missing, [seed], analysis=analysis, n_images=n_images, **size)
        new = [CountedStudy.of(found[world], world, analysis, n_images, seed) for world in missing]
        rows = sorted((*recorded_studies(COUNTED), *new), key=lambda one: EVERY_WORLD.index(one.world))
        write_json(COUNTED, [asdict(one) for one in rows])
    return _recorded(kind, worlds, analysis, seed, n_images)


def _recorded(kind: str, worlds: Collection[str], analysis: str, seed: int, n_images: int) -> list[CountedStudy]:
    studies = counted_studies(kind, [seed], COUNTED)
    return [one for one in studies if (one.analysis, one.n_images) == (analysis, n_images) and one.world in worlds]


def _rates(kind: str, seeds: Sequence[int], images: Sequence[int], size: Mapping[str, int]) -> list[CountedStudy]:
    """Count one kind in all worlds, by all its analyses."""
    known = STUDY_KINDS[kind]
    asked = product(images or [known.sizes.claims.n_images], seeds, known.analyses)
    return [one for n, seed, analysis in asked for one in count(kind, known.worlds, analysis, seed, n, **size)]


def _power(seeds: Sequence[int], images: Sequence[int], size: Mapping[str, int]) -> list[CountedStudy]:
    """Count all kinds where the claims were planted, by the number of images."""
    asked = [(seed, kind, n) for seed in seeds for kind, sizes in POWER_IMAGES.items() for n in images or sizes]
    return [one for seed, kind, n in asked for one in count(kind, ["as-published"], "as-published", seed, n, **size)]


def _calibrate(n_studies: int, first_seed: int) -> None:
    coverage, nulls = ([asdict(one) for one in found] for found in calibrate(n_studies, first_seed=first_seed))
    print(table(coverage), table(nulls), sep="\n\n")
    record(CALIBRATION, {"first_seed": first_seed, "coverage": coverage, "nulls": nulls})


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
    add = parser.add_argument
    add("kind", choices=(*STUDY_KINDS, "power", CALIBRATION, PHOTOGRAPHS))
    add("--seeds", type=int, help=f"number of them (default: all that are kept for it, or {N_KNOWN})")
    add("--first-seed", type=int, help="the others follow (default: the first of those that are kept for it)")
    add("--images", type=int, nargs="+", default=(), help="that each participant sees (default: as the pages have it)")
    add("--quick", action="store_true", help="small brains, to see that everything runs")
    chosen = parser.parse_args(arguments)
    if chosen.kind == PHOTOGRAPHS:
        return record(PHOTOGRAPHS, sentences(photograph_study()))
    if chosen.kind == CALIBRATION:
        return _calibrate(chosen.seeds or N_KNOWN, chosen.first_seed or 0)
    kept, first = POWER_SEEDS if chosen.kind == "power" else JUDGING_SEEDS, chosen.first_seed
    seeds = kept[: chosen.seeds] if first is None else range(first, first + (chosen.seeds or len(kept)))
    size = QUICK if chosen.quick else {}
    power = chosen.kind == "power"
    studies = _power(seeds, chosen.images, size) if power else _rates(chosen.kind, seeds, chosen.images, size)
    print(rate_table(studies))
    return None


if __name__ == "__main__":
    main()
