"""What every room uses: choices that explain themselves, progress, scores, files, memory, devices."""

from lib.core.choices import choose
from lib.core.progress import progress

__all__ = ["choose", "progress"]
