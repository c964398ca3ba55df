"""`python -m lib miniatures`: train the small networks again."""

import argparse

from lib.app.parameters import user_folder
from lib.core import choose
from lib.networks.zoo import MINIATURES
from lib.simulation import cards
from lib.simulation.training import RECIPES, make_miniature


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `python -m lib miniatures`."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which networks (default: all): {', '.join(RECIPES)}")
    parser.add_argument("--folder", type=user_folder, default=MINIATURES, help="where they go (default: into lib)")


def main(args: argparse.Namespace) -> int:
    """Carry out `python -m lib miniatures`: train networks and print how well each does; return 0."""
    for name in [choose("network", name, RECIPES) for name in args.names or RECIPES]:
        card = make_miniature(name, args.folder)
        found = [f"{s.task} {s.measure} {s.value:.3f} (chance {s.chance:.3f})" for s in cards.scores(card)]
        print(f"{name}: {'; '.join(found)}; {card['seconds']} s")
    return 0
