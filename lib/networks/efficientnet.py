"""EfficientNet-Lite0 (Tan & Le 2019, in the variant of 2020 for small devices): no squeeze-and-excitation, ReLU6."""

import torch
from torch import nn
from torch.nn import functional

# Of each stage: blocks, kernel, stride of the first block, expansion, output channels.
_STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME" pads maps of even size: with stride 2, more zeros at the end."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, height, width) to (n, out channels, height / stride, width / stride)."""
        total = self.kernel_size[0] - self.stride[0]
        if total % 2 == 0:  # alike on both sides: the convolution pads by itself, without a copy of the maps
            return functional.conv2d(maps, self.weight, self.bias, self.stride, total // 2, groups=self.groups)
        before, after = total // 2, total - total // 2
        return super().forward(functional.pad(maps, (before, after, before, after)))


class InvertedBottleneck(nn.Module):
    """Expand, filter each channel, project; beside a shortcut where the shape stays (Sandler et al. 2018).

    Parameters
    ----------
    channels, out : int
        What comes in and what goes out.
    kernel, stride : int
        Of the filters.
    expansion : int
        How many times more channels there are inside; with 1 nothing is expanded.
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        inside = channels * expansion
        self.expands, self.has_shortcut = expansion > 1, stride == 1 and channels == out
        if self.expands:
            self.expand_conv, self.bn0 = nn.Conv2d(channels, inside, 1, bias=False), _norm(inside)
        self.depthwise_conv = SameConv2d(inside, inside, kernel, stride, groups=inside, bias=False)
        self.bn1, self.relu = _norm(inside), nn.ReLU6()
        self.project_conv, self.bn2 = nn.Conv2d(inside, out, 1, bias=False), _norm(out)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Map (n, channels, height, width) to (n, out, height / stride, width / stride)."""
        inside = self.relu(self.bn0(self.expand_conv(maps))) if self.expands else maps
        inside = self.relu(self.bn1(self.depthwise_conv(inside)))
        projected = self.bn2(self.project_conv(inside))
        return maps + projected if self.has_shortcut else projected


class EfficientNetLite0(nn.Module):
    """Sixteen inverted bottlenecks in seven stages; module names are those of the published weights.

    Parameters
    ----------
    n_classes : int
    """

    def __init__(self, n_classes: int = 1000):
        super().__init__()
        self.conv_stem, self.bn0, self.relu = SameConv2d(3, 32, 3, 2, bias=False), _norm(32), nn.ReLU6()
        blocks, channels = [], 32
        for n_blocks, kernel, stride, expansion, out in _STAGES:
            for i in range(n_blocks):
                blocks.append(InvertedBottleneck(channels, out, kernel, stride if i == 0 else 1, expansion))
                channels = out
        self.blocks = nn.Sequential(*blocks)
        self.conv_head, self.bn1 = nn.Conv2d(channels, 1280, 1, bias=False), _norm(1280)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(1280, n_classes)
        nn.init.zeros_(self.fc.bias)  # as the authors begin; beside a bias, an untrained network's answers are rounding

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, 224, 224), (pixel - 127) / 128, to class scores (n, n_classes)."""
        maps = self.blocks(self.relu(self.bn0(self.conv_stem(images))))
        return self.fc(self.avgpool(self.relu(self.bn1(self.conv_head(maps)))).flatten(1))


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)
