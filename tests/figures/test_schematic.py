"""The schematic shows each area's median layer."""

import numpy as np
import pytest
from made import make_study
from matplotlib.colors import to_rgb

from lib.analysis.encoding_study import EncodingStudy
from lib.data.areas import ROIS
from lib.figures.schematic import area_schematic


@pytest.mark.parametrize("rois", [("V1", "PPA", "FFA"), ROIS])
def test_each_area_is_named_with_its_median_layer_and_later_layers_are_darker(rois: tuple[str, ...]) -> None:
    study: EncodingStudy = make_study(rois=rois)
    figure = area_schematic(study)
    for ax, (name, result) in zip(figure.axes, study.encoding.items(), strict=True):
        medians = [
            np.sort(result.score[:, own].argmax(0))[(len(own) - 1) // 2]
            for own in (study.best(name, roi, "out-of-fold") for roi in rois)
        ]
        assert ax.get_title() == name
        assert [text.get_text() for text in ax.texts] == [
            f"{roi}\n{result.layers[median]}" for roi, median in zip(rois, medians, strict=True)
        ]
        light = [sum(to_rgb(patch.get_facecolor())) for patch in ax.patches]
        assert np.all(np.diff(np.array(light)[np.argsort(medians, kind="stable")]) <= 0)
        boxes = {(patch.get_x(), patch.get_y()) for patch in ax.patches}
        assert len(boxes) == len(rois)
