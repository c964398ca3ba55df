"""The command line: `python -m lib COMMAND`."""

import argparse
import importlib
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NoReturn

# Each module offers add_arguments(parser) and main(args) -> int.
# Only the chosen one is imported, so help is quick.
COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("lib.app.run", "execute notebooks, with the parameters you choose"),
    "claims": ("lib.app.claims", "count how often each claim holds in a simulated world"),
    "sweep": ("lib.app.sweep.command", "many notebooks and analyses on many cores or machines"),
    "collect": ("lib.app.sweep.collect", "gather a sweep into one table, figures and verdicts"),
    "miniatures": ("lib.app.miniatures", "train the small networks again"),
    "fetch": ("lib.app.fetch", "download data that may not be redistributed, checksummed"),
    "plan": (
        "lib.app.plan",
        "say what figures on measured data need: files, disk, memory, hours; download what is free",
    ),
    "check": ("lib.app.check", "say which files of measured data are there, and whether the figures can run"),
    "student": ("lib.app.student", "write notebooks without their solutions, for a class"),
    "slides": ("lib.app.slides", "write the book's figures for slides: SVG, 16:9"),
    "maps": ("lib.app.maps", "draw the maps of voxels that figures 1 to 3 kept, and pages to turn through them"),
    "simulate": ("lib.app.simulate", "write a simulated participant in the layout of measured data"),
}

EXAMPLES = """examples:
  python -m lib run --list                           the notebooks and their parameters
  python -m lib run fig1_alexnet -p world flat       one notebook, one parameter changed
  python -m lib run --all                            every notebook that changed
  python -m lib claims --world noise --seeds 20      how often the papers' claims hold where nothing is true
  python -m lib fetch images92                       the data of one chapter
  python -m lib run --help                           the options of one command
"""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with status 2."""
        self.exit(2, f"{self.prog}: {message}; {self.prog} --help shows the options.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        Its exit status: 2 for input that cannot be used, 130 after Ctrl-C; SIGTERM raises SystemExit of 143.
    """
    with suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGTERM, _terminate)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background, a shell has it ignored
    try:
        argv = list(_separated(sys.argv[1:] if argv is None else argv))
        parser = _parser(argv)
        args = parser.parse_args(argv)
        if args.command is None:
            parser.print_help()
            return 0
        return _call(args)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130


def _terminate(number: int, _: object) -> NoReturn:
    """Let every `finally` clean up before the process ends."""
    raise SystemExit(128 + number)


def _separated(words: Sequence[str]) -> Iterator[str]:
    """The words of a command line, with `-p name=value` as `-p name value`."""
    for before, word in zip(["", *words], words, strict=False):
        pair = re.fullmatch(r"(\w+)=(.*)", word, re.DOTALL) if before in ("-p", "--parameter") else None
        yield from pair.groups() if pair else [word]


def _parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    common = Parser(add_help=False)
    common.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help="show tracebacks")
    parser = Parser(
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
    try:
        return importlib.import_module(COMMANDS[args.command][0]).main(args)
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:
        if hasattr(args, "debug"):
            raise
        expected = isinstance(error, ValueError | OSError)  # raised on purpose, with a sentence
        words = str(error) if expected else f"{type(error).__name__}: {error} (--debug shows where)"
        print(f"python -m lib {args.command}: {words}", file=sys.stderr)
        return 2 if expected else 1


if __name__ == "__main__":
    sys.exit(main())
