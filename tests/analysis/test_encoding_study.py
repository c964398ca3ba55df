"""Studies say whose weights their networks had."""

from lib.analysis.encoding_study import EncodingStudy, encoding_studies, encoding_study
from lib.simulation.nsd_like import simulate


def test_a_study_says_whose_weights_the_networks_had() -> None:
    person = simulate(n_images=40, voxels_per_roi=3)
    assert encoding_study(person, ["alexnet-object"]).weights == "miniature"
    assert encoding_study(person, ["alexnet-object"], "untrained").weights == "untrained"
    together = encoding_studies({"one": person, "other": person}, ["alexnet-object"], "untrained", 7)
    assert {(study.weights, study.n_best) for study in together.values()} == {("untrained", 7)}
    assert EncodingStudy(person, {}).weights == "miniature"
