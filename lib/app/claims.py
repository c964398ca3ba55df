"""`python -m lib claims`: how often each claim holds, is contradicted or stays undecided over simulated studies."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict

from lib.app.parameters import Parameter, at_least, check_fits
from lib.claims import CLAIMS, OUTCOMES
from lib.claims.rates import Rate, simulated_verdicts
from lib.claims.studies import DECODING_CHOICES, EVERY_WORLD, n_best_of
from lib.core.tables import Table
from lib.simulation.sizes import GOD, NSD

_EPILOG = """Rates are shares of the seeds; in the rest the claim could not be asked. A claim's effect is that of the
part that decides (an ROI, a pair of networks), averaged over seeds. The rules stand in the book's ledger of claims.

examples:
  python -m lib claims --world as-published --seeds 20 --first-seed 200 --json
  python -m lib claims --world noise --claims W1 W2 --seeds 20
"""
_WEIGHTS = '"miniature", "untrained", "published"'


def _table(found: Mapping[str, Rate]) -> Table:
    rows = [
        (name, *(f"{share:.0%}" for share in (one.holds, one.contradicted, one.undecided)), one.n, one.effect)
        for name, one in found.items()
    ]
    return Table(("claim", *OUTCOMES, "seeds", "effect"), rows)


def _defaults(what: str, number: str) -> str:
    w, y = (getattr(layout.claims, number) for layout in (NSD, GOD))
    return f"{what} (default: W {w}, Y {y})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `python -m lib claims`."""
    add = parser.add_argument
    add("--world", choices=EVERY_WORLD, default="as-published", help="what drives the voxels (default: %(default)s)")
    add(
        "--seeds",
        type=at_least(1),
        default=5,
        help="number of simulated studies, each of a seed of its own (default: %(default)s)",
    )
    add("--first-seed", type=at_least(0), default=0, metavar="S", help="the others follow (default: %(default)s)")
    add("--claims", nargs="+", choices=CLAIMS, metavar="ID", help=f"some of {', '.join(CLAIMS)} (default: all)")
    add("--weights", default="miniature", help="of the networks that are analysed (default: %(default)s)")
    add(
        "--analysis", choices=DECODING_CHOICES, default="as-published", help="of decoding claims (default: %(default)s)"
    )
    images = _defaults("that each participant sees", "n_images")
    add("--images", "--n-images", dest="n_images", type=at_least(1), metavar="N", help=images)
    add("--voxels-per-roi", type=at_least(1), metavar="N", help=_defaults("of each ROI", "voxels_per_roi"))
    add("--json", action="store_true", help='print {claim: {"holds": rate, "contradicted": rate, ...}}')
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib claims`; progress goes to stderr."""
    Parameter("weights", repr("miniature"), _WEIGHTS).checked(args.weights)  # not after the first simulation
    size = {"n_images": args.n_images, "voxels_per_roi": args.voxels_per_roi}
    check_fits(asdict(NSD.claims.given(**size)))
    claims, seeds = args.claims or list(CLAIMS), range(args.first_seed, args.first_seed + args.seeds)
    found = simulated_verdicts(claims, [args.world], seeds, args.weights, args.analysis, **size)[args.world]
    if left_out := [name for name in claims if name not in found]:
        print(f"Not decided in world {args.world} by this analysis: {', '.join(left_out)}.", file=sys.stderr)
    n_best = n_best_of(NSD.claims.given(**size).voxels_per_roi)
    kinds = {name: CLAIMS[name].kind for name in found}
    rates = {name: Rate.of(found[name], n_best if kinds[name] == "encoding" else None) for name in found}
    print(json.dumps({name: asdict(one) for name, one in rates.items()}, indent=1) if args.json else _table(rates))
    return 0
