"""SqueezeNet 1.1 (Iandola et al. 2016) with batch normalisation and leaky rectifiers, as trained on Places365."""

import torch
from torch import nn

SLOPE = 0.55  # of the rectifiers below zero: the middle of .3 to .8, from which training drew it
EPSILON = 1e-4  # of batch normalisation
_FIRES = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))  # squeeze, expand
_POOLED = (2, 4)  # fire modules before which maps are pooled


class Fire(nn.Module):
    """Squeeze the channels by 1 x 1 filters; expand them by as many 1 x 1 as 3 x 3 filters.

    Parameters
    ----------
    channels, squeezed, expanded : int
        What comes in, what is in between, and what each kind of filter gives.
    """

    def __init__(self, channels: int, squeezed: int, expanded: int):
        super().__init__()
        self.squeeze = _filters(channels, squeezed, 1)
        self.expand1x1, self.expand3x3 = _filters(squeezed, expanded, 1), _filters(squeezed, expanded, 3)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, height, width) to (n, 2 expanded, height, width)."""
        squeezed = self.squeeze(maps)
        return torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], 1)


class PlaceSqueezeNet(nn.Module):
    """A convolution and eight fire modules; parameters lie in the order of the published file.

    Parameters
    ----------
    n_classes : int
    """

    def __init__(self, n_classes: int = 365):
        super().__init__()
        parts, channels = [_filters(3, 64, 3, stride=2), nn.MaxPool2d(3, 2)], 64
        for i, (squeezed, expanded) in enumerate(_FIRES):
            parts += [nn.MaxPool2d(3, 2)] * (i in _POOLED) + [Fire(channels, squeezed, expanded)]
            channels = 2 * expanded
        self.features = nn.Sequential(*parts)
        self.classifier = nn.Sequential(nn.Conv2d(channels, n_classes, 1), nn.LeakyReLU(SLOPE))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):  # as the authors began
                nn.init.xavier_uniform_(part.weight, gain=2**0.5)
                nn.init.zeros_(part.get_parameter("bias"))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, 224, 224), pixels in 0..1 less their mean, to class scores (n, n_classes)."""
        return self.avgpool(self.classifier(self.features(images))).flatten(1)


def _filters(channels: int, out: int, size: int, stride: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(channels, out, size, stride, padding=size // 2)
    return nn.Sequential(convolution, nn.BatchNorm2d(out, eps=EPSILON), nn.LeakyReLU(SLOPE))
