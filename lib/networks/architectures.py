"""Networks that torchvision does not have: the Taskonomy encoder, the papers' architectures in small, and one more.

A miniature has the topology and the module names of its model, fewer channels, and takes images of 64 x 64.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn


class MiniAlexNet(nn.Module):
    """AlexNet with five convolutions and three linear layers, numbered as torchvision numbers them.

    A first kernel of 7 x 7 with stride 2 (not 11 x 11 with stride 4) keeps maps of 15, 7 and 3 pixels out of 64.

    Parameters
    ----------
    n_classes : int
    channels : five ints
        Output channels of the convolutions (torchvision: 64, 192, 384, 256, 256).
    hidden : int
        Width of the linear layers (torchvision: 4096).
    """

    def __init__(self, n_classes: int, channels: tuple[int, ...] = (24, 48, 64, 48, 48), hidden: int = 256):
        super().__init__()
        c1, c2, c3, c4, c5 = channels
        self.features = nn.Sequential(
            nn.Conv2d(3, c1, 7, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(c1, c2, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
            nn.Conv2d(c2, c3, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c3, c4, 3, padding=1), nn.ReLU(),
            nn.Conv2d(c4, c5, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d(3)
        self.classifier = nn.Sequential(
            nn.Dropout(), nn.Linear(9 * c5, hidden), nn.ReLU(),
            nn.Dropout(), nn.Linear(hidden, hidden), nn.ReLU(),
            nn.Linear(hidden, n_classes),
        )  # fmt: skip

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, 64, 64) to class scores (n, n_classes)."""
        return self.classifier(self.avgpool(self.features(images)).flatten(1))


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut (He et al. 2016, CVPR), `width` channels inside and 4 `width` out.

    Parameters
    ----------
    channels : int
        What comes in.
    width : int
    stride : int
        Of the second convolution.
    shortcut : Module, optional
        What the input passes through before it is added; nothing by default.
    """

    def __init__(self, channels: int, width: int, stride: int = 1, shortcut: nn.Module | None = None):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU()
        self.downsample = shortcut or nn.Identity()

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, height, width) to (n, 4 width, height / stride, width / stride)."""
        inside = self.relu(self.bn1(self.conv1(maps)))
        inside = self.relu(self.bn2(self.conv2(inside)))
        return self.relu(self.bn3(self.conv3(inside)) + self.downsample(maps))


def stage(channels: int, width: int, n_blocks: int, first: int = 1, last: int = 1) -> nn.Sequential:
    """A row of bottlenecks.

    Parameters
    ----------
    channels : int
        Channels of the input.
    width : int
        Channels inside; 4 `width` come out.
    n_blocks : int
    first, last : int
        Stride of the first and of the last bottleneck.
    """
    project = nn.Sequential(nn.Conv2d(channels, 4 * width, 1, first, bias=False), nn.BatchNorm2d(4 * width))
    thin_out = nn.MaxPool2d(1, last) if last > 1 else None
    middle = [Bottleneck(4 * width, width) for _ in range(n_blocks - 2)]
    return nn.Sequential(
        Bottleneck(channels, width, first, project), *middle, Bottleneck(4 * width, width, last, thin_out)
    )


class _Stages(nn.Module):
    """The first convolution of ResNet50 and its four stages of bottlenecks, 3-4-6-3; all that follows is left out.

    Parameters
    ----------
    width : int
        Channels of the first convolution; the stages have 4, 8, 16 and 32 times as many.
    pool : Module
        After the first convolution.
    strides : four pairs of ints
        Of the first and the last bottleneck of each stage.
    """

    def __init__(self, width: int, pool: nn.Module, strides: Sequence[tuple[int, int]]):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = pool
        self.layer1 = stage(width, width, 3, *strides[0])
        self.layer2 = stage(4 * width, 2 * width, 4, *strides[1])
        self.layer3 = stage(8 * width, 4 * width, 6, *strides[2])
        self.layer4 = stage(16 * width, 8 * width, 3, *strides[3])

    def maps(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, size, size) to maps (n, 32 width, ., .) of the last stage."""
        maps = self.maxpool(self.relu(self.bn1(self.conv1(images))))
        return self.layer4(self.layer3(self.layer2(self.layer1(maps))))


class MiniResNet50(_Stages):
    """ResNet50 (strides as torchvision's) with 12 channels where torchvision has 64.

    Parameters
    ----------
    n_classes : int
    width : int
        Channels of the first convolution.
    """

    def __init__(self, n_classes: int, width: int = 12):
        super().__init__(width, nn.MaxPool2d(3, 2, 1), [(1, 1), (2, 1), (2, 1), (2, 1)])
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(32 * width, n_classes)
        _initialise(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, 64, 64) to class scores (n, n_classes)."""
        return self.fc(self.avgpool(self.maps(images)).flatten(1))


class TaskonomyEncoder(_Stages):
    """The encoder of the Taskonomy networks (Zamir et al. 2018, CVPR), as published in PyTorch by `visualpriors`.

    A ResNet50 whose first two stages have their stride in the last block and whose last two have none: 256 pixels
    become maps of 128 (conv1), 32, 16, 16 and 16 (layer1 to layer4) pixels, and a code of 8 channels.

    Parameters
    ----------
    n_channels : int
        Channels of the code.
    width : int
        Channels of the first convolution.
    """

    def __init__(self, n_channels: int = 8, width: int = 64):
        super().__init__(width, nn.MaxPool2d(3, 2, ceil_mode=True), [(1, 2), (1, 2), (1, 1), (1, 1)])
        self.compress1 = nn.Conv2d(32 * width, n_channels, 3, padding=1, bias=False)
        self.compress_bn = nn.BatchNorm2d(n_channels)
        self.relu1 = nn.ReLU()
        _initialise(self)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, size, size) in -1..1 to their code (n, n_channels, size / 16, size / 16)."""
        return self.relu1(self.compress_bn(self.compress1(self.maps(images))))


class EdgeDecoder(nn.Module):
    """Draw a map of edges from a code: transposed convolutions, each of which doubles height and width.

    A network that learns edges needs one in training, as Taskonomy's did; its layers are read without.

    Parameters
    ----------
    n_channels : int
        Channels of the code.
    channels : ints
        Channels after each doubling.
    """

    def __init__(self, n_channels: int, channels: tuple[int, ...] = (24, 16, 12, 8)):
        super().__init__()
        steps = pairwise((n_channels, *channels))
        self.grow = nn.Sequential(*(part for before, after in steps for part in _doubling(before, after)))
        self.draw = nn.Conv2d(channels[-1], 1, 3, padding=1)
        nn.init.zeros_(self.draw.weight)  # edges are few and faint: begin with none

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        """Map codes (n, n_channels, size, size) to edges (n, 16 size, 16 size) for four doublings."""
        return self.draw(self.grow(codes)).squeeze(1)


def _doubling(before: int, after: int) -> tuple[nn.Module, ...]:
    grow = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=False)
    return grow, nn.BatchNorm2d(after), nn.ReLU()


class MultiTaskVGG(nn.Module):
    """A plain stack of convolutions, after VGG (Simonyan & Zisserman 2015, ICLR), with a head for each of four tasks.

    In neither paper: the brain of a simulated participant that no analysed network is part of.

    Parameters
    ----------
    n_objects, n_places : int
    channels : ints
        Of the convolutions; all but the last are followed by pooling.
    hidden : int
        Width of the linear layer that the two classifiers share.
    """

    def __init__(
        self, n_objects: int, n_places: int, channels: tuple[int, ...] = (16, 32, 64, 96, 96), hidden: int = 128
    ):
        super().__init__()
        steps = pairwise((3, *channels))
        self.features = nn.Sequential(*(part for before, after in steps for part in _convolution(before, after)))
        del self.features[-1]  # maps of 4 pixels are small enough
        self.avgpool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Sequential(nn.Linear(4 * channels[-1], hidden), nn.ReLU(), nn.Dropout())
        self.object, self.place = nn.Linear(hidden, n_objects), nn.Linear(hidden, n_places)
        _initialise(self)
        self.edge2d, self.edge3d = EdgeDecoder(channels[-1]), EdgeDecoder(channels[-1])

    def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map images (n, 3, 64, 64) to class scores (n, n_objects) and (n, n_places) and two maps (n, 64, 64)."""
        maps = self.features(images)
        named = self.classifier(self.avgpool(maps).flatten(1))
        return {
            "object": self.object(named), "place": self.place(named),
            "edge2d": self.edge2d(maps), "edge3d": self.edge3d(maps),
        }  # fmt: skip


def _convolution(before: int, after: int) -> tuple[nn.Module, ...]:
    convolve = nn.Conv2d(before, after, 3, padding=1, bias=False)
    return convolve, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)


def _initialise(module: nn.Module) -> None:
    """Random weights that keep the variance of gradients from layer to layer (He et al. 2015, ICCV)."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
