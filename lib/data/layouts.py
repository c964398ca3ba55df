"""What is known of measured data sets before any file is read: `datasets.toml`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from lib.data.participant import Source

DESCRIPTIONS: Mapping[str, Any] = tomllib.loads(Path(__file__).with_name("datasets.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Files:
    """Where everything of one participant lies below the folder the user named."""

    root: Path
    subject: int
    dataset: ClassVar[str]

    def path(self, name: str, **details: object) -> Path:
        """A file or folder, by its name in `datasets.toml`; the .nii file where a .nii.gz file is not there.

        Parameters
        ----------
        name : str
        **details
            What its path depends on besides the participant: `session`, `mask`, ...
        """
        path = self.root / DESCRIPTIONS[self.dataset]["paths"][name].format(subject=self.subject, **details)
        unpacked = path.with_suffix("")
        return unpacked if path.suffix == ".gz" and unpacked.exists() and not path.exists() else path

    def session(self, number: int) -> Path:
        """Betas of a session."""
        return self.path("session", session=number)


def source_of(dataset: str, planted: Mapping[str, str | None] | None = None, found: str = "") -> Source:
    """Describe what was read in the layout of a measured data set: measured, or written there by this project.

    Parameters
    ----------
    dataset : str
    planted : mapping, optional
        As of `lib.data.files.read_planted`.
    found : str
        What was read, by default the description of the whole data set.
    """
    published = DESCRIPTIONS[dataset]["source"]
    if not planted:
        return Source(dataset, **(published | {"description": found or published["description"]}), simulated=False)
    text = f"simulated, in {dataset.upper()}'s layout, {planted['description']}{found and f'; {found}'}"
    simulation = "god_like" if dataset == "god" else "nsd_like"
    return Source(dataset, text, f"computed by lib.simulation.{simulation}", "MIT", True, planted["world"])
