"""Timings side by side with peers, and the arithmetic that bounds them: `python -m benchmarks`."""
