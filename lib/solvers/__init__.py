"""Regressions and combinations: arrays in, arrays out, no word of brains."""
