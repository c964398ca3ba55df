"""AlexNet's lead over ResNet-50 in both directions."""

import numpy as np
import pytest

from lib.analysis.directions import Directions


def test_ahead_is_positive_where_alexnet_scores_higher() -> None:
    alexnet, resnet = np.array([0.5, 0.6, 0.7]), np.array([0.1, 0.3, 0.2])
    found = Directions(
        decoding={"alexnet-object": alexnet, "resnet50-object": resnet},
        encoding={"alexnet-object": resnet, "resnet50-object": alexnet},
    )
    lead = (alexnet - resnet).mean()
    assert found.ahead("decoding").estimate == pytest.approx(lead)
    assert found.ahead("encoding").estimate == pytest.approx(-lead)


def test_unknown_direction_is_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="Unknown direction 'both'; choose one of decoding, encoding"):
        Directions({}, {}).ahead("both")
