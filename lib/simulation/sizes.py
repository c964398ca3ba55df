"""How large simulated participants are by default, and how large the measured ones are."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ParticipantSize:
    """Size of one participant.

    Attributes
    ----------
    n_images : int
        Images seen; of GOD, training images.
    voxels_per_roi : int
        Voxels of each ROI.

    Raises
    ------
    ValueError
        Fewer than two images, or no voxel.
    """

    n_images: int
    voxels_per_roi: int

    def __post_init__(self) -> None:
        if self.n_images < 2 or self.voxels_per_roi < 1:
            found = f"{self.n_images} and {self.voxels_per_roi}"
            raise ValueError(
                f"A simulation needs n_images of at least 2 and voxels_per_roi of at least 1, found {found}."
            )

    def given(self, n_images: int | None = None, voxels_per_roi: int | None = None) -> "ParticipantSize":
        """The size with the numbers given, and this size's own where one is None.

        >>> ParticipantSize(1000, 600).given(n_images=200)
        ParticipantSize(n_images=200, voxels_per_roi=600)
        """
        return ParticipantSize(
            self.n_images if n_images is None else n_images,
            self.voxels_per_roi if voxels_per_roi is None else voxels_per_roi,
        )


@dataclass(frozen=True)
class LayoutSizes:
    """Sizes of participants in the trial structure of one measured data set.

    Attributes
    ----------
    default : ParticipantSize
        Of one simulated participant.
    claims : ParticipantSize
        Of the simulated participants on whom claims are decided: where planted, they are found.
    page : ParticipantSize
        The same on the ledger's page, which shall not take minutes.
    measured : ParticipantSize
        Near that of the measured participants.
    """

    default: ParticipantSize
    claims: ParticipantSize
    page: ParticipantSize
    measured: ParticipantSize


NSD = LayoutSizes(
    default=ParticipantSize(2000, 300),
    claims=ParticipantSize(3000, 600),
    page=ParticipantSize(1000, 600),
    measured=ParticipantSize(10_000, 1000),
)
GOD = LayoutSizes(
    default=ParticipantSize(1200, 100),
    claims=ParticipantSize(1200, 100),
    page=ParticipantSize(1200, 100),
    measured=ParticipantSize(1200, 550),
)
SIZES = {"nsd": NSD, "god": GOD, "laion": NSD}
