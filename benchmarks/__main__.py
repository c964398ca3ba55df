"""Run benchmarks by name: `python -m benchmarks [NAME ...]`."""

import argparse
import importlib

from lib.core import choose

BENCHMARKS = {
    "ridge": "one layer against himalaya and scikit-learn, some 10 minutes",
    "protocols": "five small layers against stacking-fmri, some 5 minutes",
    "stacking": "stacking weights against cvxopt, a minute",
    "decoding": "units from voxels against FastL2LiR and a pseudo-inverse per iteration, 3 minutes",
    "shapes": "twelve layers of random shapes against himalaya given kernels, some 20 minutes on a quiet machine",
    "extraction": "activations to disk against a bare forward pass, a minute",
    "growth": "how the time of a layer grows, some 3 minutes",
    "choices": "what each choice of the analyses of paper W does to the result, some 5 minutes",
    "gpu": "the analysis on a graphics card beside the processor and himalaya, if there is one",
}


def main() -> None:
    """Run what was asked for, or everything."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time this project's solvers in turns with their peers; writes lib/figures/benchmarks.json.",
        epilog="\n".join(
            [
                "benchmarks:",
                *(f"  {name:12s}{what}" for name, what in BENCHMARKS.items()),
                "",
                "Larger ones have commands of their own:",
                "  python -m benchmarks.rehearsal, .cortex, .resampling, .sweep, .verdicts",
            ]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which (default: all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that everything runs")
    args = parser.parse_args()
    for name in [choose("benchmark", name, BENCHMARKS) for name in args.names or BENCHMARKS]:
        print(f"\n{name}: {BENCHMARKS[name]}", flush=True)
        importlib.import_module(f"benchmarks.{name}").main(quick=args.quick)


if __name__ == "__main__":
    main()
