"""What others measured and published, beside the claims it bears on. Facts with their source, not targets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Evidence:
    """Published numbers.

    Attributes
    ----------
    claims : tuple of str
        Ids of the claims they bear on.
    what, numbers : str
        What was measured on which data, and what came out.
    source : str
        Key in the bibliography.
    """

    claims: tuple[str, ...]
    what: str
    numbers: str
    source: str


EVIDENCE = (
    Evidence(
        ("W1", "W4"),
        "brain hierarchy score (decoding, encoding, mean), higher where a network's layers follow the brain's areas",
        "AlexNet .493, .340, .416; ResNet-50-v2 .179, .208, .193",
        "nonaka2021",
    ),
    Evidence(
        ("W1",),
        "the Brain-Score platform's benchmark Allen2022_fmri (ridge, relative to the noise ceiling), AlexNet",
        "V1 .402, V2 .437, V4 .348, IT .287",
        "schrimpf2018",
    ),
    Evidence(
        ("W7",),
        "weighted similarity analysis of occipito-temporal cortex on the Natural Scenes Dataset, Taskonomy networks",
        "objects .436, scenes .426, 3D edges .348, 2D edges .166, untrained .125",
        "conwell2024",
    ),
    Evidence(
        ("W7",),
        "mean correlation over voxels on BOLD5000 (early visual, LOC, OPA, PPA, RSC), Taskonomy networks",
        "objects .105, .103, .172, .185, .174; scenes .103, .095, .158, .182, .171; "
        "3D edges .097, .076, .141, .158, .152; 2D edges .085, .033, .055, .060, .057",
        "wang2019",
    ),
    Evidence(
        ("Y1",),
        "occipito-temporal cortex on the Natural Scenes Dataset (weighted similarity analysis, encoding r)",
        "AlexNet .633, .350; ResNet50 .680, .377; AlexNet untrained .133, .149",
        "conwell2024",
    ),
    Evidence(
        ("Y1", "Y3"),
        "brain hierarchy score (decoding, encoding, mean)",
        "AlexNet .493, .340, .416; ResNet-50-v2 .179, .208, .193",
        "nonaka2021",
    ),
    Evidence(
        ("Y2",),
        "decoding AlexNet's units from the whole visual cortex on GOD, mean profile correlation, read off a figure "
        "(±.005)",
        "conv1 .06, conv2 .26, conv3 .30, conv4 .28, conv5 .27, fc6 .35, fc7 .33, fc8 .49",
        "horikawa2019",
    ),
)
