"""Timings side by side with peers, and the arithmetic that bounds them: `python -m benchmarks`."""

import lib  # noqa: F401  sets how threads wait, before NumPy is imported
