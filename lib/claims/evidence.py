"""What others measured and published, beside the claims it bears on: read from evidence.toml."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Evidence:
    """Published numbers.

    Attributes
    ----------
    claims : list of str
        Ids of the claims they bear on.
    what, numbers : str
        What was measured on which data, and what came out.
    source : str
        Key in the bibliography.
    """

    claims: list[str]
    what: str
    numbers: str
    source: str


_ENTRIES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))["evidence"]
EVIDENCE = tuple(Evidence(**entry) for entry in _ENTRIES)
