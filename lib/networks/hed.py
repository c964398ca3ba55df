"""Holistically-nested edge detection (Xie & Tu 2015): VGG16's convolutions, and a map of edges after each block."""

from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional

_BLOCKS = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))  # channels and convolutions of each; all but the first pool


class HolisticEdges(nn.Module):
    """Five blocks of convolutions, a map of edges from each, and their fusion; names as in the published weights.

    Parameters
    ----------
    n_maps : int
        Maps of edges that are fused from the five blocks': 1 as published.
    """

    def __init__(self, n_maps: int = 1):
        super().__init__()
        before = 3
        for i, (channels, n_convolutions) in enumerate(_BLOCKS, start=1):
            self.add_module(f"block{i}", _block(before, channels, n_convolutions, pools=i > 1))
            self.add_module(f"dsn{i}", nn.Conv2d(channels, 1, 1))
            before = channels
        self.fuse = nn.Conv2d(len(_BLOCKS), n_maps, 1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):  # as torchvision begins VGG16; PyTorch's own would let the signal die out
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(part.get_parameter("bias"))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Map images (n, 3, height, width), sides multiples of 16, to logits of edges (n, n_maps, height, width)."""
        maps, edges, size = images, [], images.shape[-2:]
        for i in range(1, len(_BLOCKS) + 1):
            maps = self.get_submodule(f"block{i}")(maps)
            side = self.get_submodule(f"dsn{i}")(maps)
            edges.append(functional.interpolate(side, size=size, mode="bilinear"))
        return self.fuse(torch.cat(edges, 1))


def _block(before: int, channels: int, n_convolutions: int, *, pools: bool) -> nn.Sequential:
    parts: dict[str, nn.Module] = {"pool": nn.MaxPool2d(2)} if pools else {}
    for k in range(n_convolutions):
        suffix = f"_{k}" if k else ""
        parts[f"conv2d{suffix}"] = nn.Conv2d(channels if k else before, channels, 3, padding=1)
        parts[f"relu{suffix}"] = nn.ReLU()
    return nn.Sequential(OrderedDict(parts))
