"""Visual areas as paper W groups them."""

EARLY = ("V1", "V2", "V3", "V4")
PLACE = ("OPA", "PPA", "RSC")
FACE = ("FFA", "OFA", "aTLfaces")
ROIS = EARLY + PLACE + FACE
