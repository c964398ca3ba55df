"""How large simulated participants are by default, and how large the measured ones are."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ParticipantSize:
    """Size of one participant.

    Attributes
    ----------
    n_images : int
        Images seen; of GOD, training images.
    voxels_per_roi : int
        Voxels of each ROI.
    """

    n_images: int
    voxels_per_roi: int

    def given(self, n_images: int | None = None, voxels_per_roi: int | None = None) -> dict[str, int]:
        """Keyword arguments for a simulation: the numbers given, and this size's own where one is None or 0."""
        asked = {"n_images": n_images, "voxels_per_roi": voxels_per_roi}
        return asdict(self) | {name: number for name, number in asked.items() if number}


@dataclass(frozen=True)
class LayoutSizes:
    """Sizes of participants in the trial structure of one measured data set.

    Attributes
    ----------
    default : ParticipantSize
        Of one simulated participant.
    claims : ParticipantSize
        Of the simulated participants on whom claims are decided.
    measured : ParticipantSize
        Near that of the measured participants.
    """

    default: ParticipantSize
    claims: ParticipantSize
    measured: ParticipantSize


NSD = LayoutSizes(ParticipantSize(2000, 300), ParticipantSize(1000, 600), ParticipantSize(10_000, 1000))
GOD = LayoutSizes(ParticipantSize(1200, 100), ParticipantSize(1200, 100), ParticipantSize(1200, 550))
SIZES = {"nsd": NSD, "god": GOD}
