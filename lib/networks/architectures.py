"""The papers' architectures in small: same topology, same module names, fewer channels, 64 x 64 images."""

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
