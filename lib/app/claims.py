"""`python -m lib claims`: how often each claim holds over simulated studies."""

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict

from lib.app.parameters import at_least, check_fits
from lib.claims import CLAIMS, UNTESTED
from lib.claims.rates import Rate, simulated_verdicts
from lib.claims.studies import DECODING_CHOICES, EVERY_WORLD
from lib.core.tables import Table
from lib.simulation.sizes import GOD, NSD

_EPILOG = """A claim's effect is that of its weakest contrast (an ROI, a pair of networks), averaged over seeds. The
rules stand in the book's ledger of claims. Every number is computed when the command runs.

examples:
  python -m lib claims --world as-published --seeds 20 --json
  python -m lib claims --world noise --claims W1 W2 --seeds 20
"""


def _table(found: Mapping[str, Rate]) -> Table:
    rows = [
        (name, f"{one.holds:.0%}", one.n, f"{one.effect:+.3f}") if one.n else (name, UNTESTED, 0, "")
        for name, one in found.items()
    ]
    return Table(("claim", "holds", "seeds", "effect"), rows)


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
        help="number of simulated studies, seeds 0, 1, ... (default: %(default)s)",
    )
    add("--claims", nargs="+", choices=CLAIMS, metavar="ID", help=f"some of {', '.join(CLAIMS)} (default: all)")
    add("--weights", default="miniature", help="of the networks that are analysed (default: %(default)s)")
    add(
        "--analysis", choices=DECODING_CHOICES, default="as-published", help="of decoding claims (default: %(default)s)"
    )
    add("--n-images", type=at_least(1), metavar="N", help=_defaults("that each participant sees", "n_images"))
    add("--voxels-per-roi", type=at_least(1), metavar="N", help=_defaults("of each ROI", "voxels_per_roi"))
    add("--json", action="store_true", help='print {claim id: {"holds": rate, "n": seeds, "effect": mean}}')
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib claims`; progress goes to stderr."""
    size = {"n_images": args.n_images, "voxels_per_roi": args.voxels_per_roi}
    check_fits(asdict(NSD.claims.given(**size)))
    claims, seeds = args.claims or list(CLAIMS), range(args.seeds)
    found = simulated_verdicts(claims, [args.world], seeds, args.weights, args.analysis, **size)[args.world]
    if left_out := [name for name in claims if name not in found]:
        print(f"Not decided in world {args.world} by this analysis: {', '.join(left_out)}.", file=sys.stderr)
    rates = {name: Rate.of(verdicts) for name, verdicts in found.items()}
    print(json.dumps({name: asdict(one) for name, one in rates.items()}, indent=1) if args.json else _table(rates))
    return 0
