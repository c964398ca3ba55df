"""The command line: `python -m lib COMMAND`."""

import argparse
import importlib
import sys
from collections.abc import Sequence

# Each module offers add_arguments(parser) and main(args) -> int.
# Only the chosen one is imported, so help is quick.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("lib.app.run", "execute notebooks, with the parameters you choose"),
    "claims": ("lib.app.claims", "count how often each claim holds in a simulated world"),
    "sweep": ("lib.app.sweep.command", "many notebooks and analyses on many cores or machines"),
    "collect": ("lib.app.sweep.collect", "gather a sweep into one table, figures and verdicts"),
    "miniatures": ("lib.app.miniatures", "train the small networks again"),
    "fetch": ("lib.app.fetch", "download data that may not be redistributed, checksummed"),
    "check": ("lib.app.check", "say which files of measured data are there, and whether the figures can run"),
    "student": ("lib.app.student", "write notebooks without their solutions, for a class"),
    "slides": ("lib.app.slides", "write the book's figures for slides: SVG, 16:9"),
    "simulate": ("lib.app.simulate", "write a simulated participant in the layout of measured data"),
}

EXAMPLES = """examples:
  python -m lib run --list                           the notebooks and their parameters
  python -m lib run fig1_alexnet -p world flat       one notebook, one parameter changed
  python -m lib run --all                            every notebook that changed
  python -m lib claims --world noise --seeds 20      how often the papers' claims hold where nothing is true
  python -m lib fetch images92                       the data of one chapter
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status, 2 for input that cannot be used."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = _parser(argv)
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    return _call(args)


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    parser = argparse.ArgumentParser(
        prog="python -m lib",
        description="The companion's command line.",
        epilog=EXAMPLES,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, parents=[common])
        if name in argv:
            importlib.import_module(module).add_arguments(command)
    return parser


def _call(args: argparse.Namespace) -> int:
    module = importlib.import_module(COMMANDS[args.command][0])
    try:
        return module.main(args)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        # Raised on purpose, with a sentence for the person at the keyboard.
        if getattr(args, "debug", False):
            raise
        print(f"python -m lib {args.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
