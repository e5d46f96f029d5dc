"""AdaBins: depth as the mean of bins whose widths each picture chooses (Bhat, Alhashim and Wonka, CVPR 2021)."""

from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["AdaBins", "chamfer", "silog"]

PATCH = 4
"""Of the decoded features, so that 240 x 320 pixels make 300 tokens; there must be more of them than kernels."""


class AdaBins(nn.Module):
    """A timm encoder, a decoder with skips up to a quarter of the picture's size, and the paper's head: a small
    transformer reads the decoded features; its first token says the widths of ``bins`` bins in ``near`` to ``far``
    metres, the next ones are kernels on the features, from whose maps every pixel's distribution over the bins is made.

    bins: 256 in the paper. width: channels of the decoded features and of the transformer, and the number of kernels,
    128 in the paper. It decodes to half the size, with which a step took 2.5 times as long on a CPU.
    """

    def __init__(self, encoder: str, bins: int = 64, width: int = 64, near: float = 1e-3, far: float = 10.0):
        super().__init__()
        self.near, self.far = near, far
        reader: Any = timm.create_model(encoder, pretrained=False, features_only=True)
        channels = reader.feature_info.channels()
        self.encoder = reader
        widths = [4 * width, 4 * width, 2 * width]
        self.bottom = nn.Conv2d(channels[-1], widths[0], 1)
        self.ups = nn.ModuleList(
            Up(above + skip, below)
            for above, below, skip in zip(widths, [*widths[1:], width], channels[-2:0:-1], strict=True)
        )
        self.patches = nn.Conv2d(width, width, PATCH, PATCH)
        self.places = nn.Parameter(torch.randn(1, 1024, width) * 0.02)
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, dropout=0.0, batch_first=True)
        self.reader = nn.TransformerEncoder(layer, 4)
        self.widths = nn.Sequential(
            nn.Linear(width, 256), nn.LeakyReLU(), nn.Linear(256, 256), nn.LeakyReLU(), nn.Linear(256, bins)
        )
        self.mixed = nn.Conv2d(width, width, 3, padding=1)
        self.chances = nn.Conv2d(width, bins, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Metres (B, 1, H/4, W/4) and the centres of the bins (B, bins), of images (B, 3, H, W)."""
        _, *skips, last = self.encoder(images)
        features = self.bottom(last)
        for up, skip in zip(self.ups, skips[::-1], strict=True):
            features = up(features, skip)
        tokens = self.patches(features).flatten(2).transpose(1, 2)
        tokens = self.reader(tokens + self.places[:, : tokens.shape[1]])
        centres = self._centres(tokens[:, 0])
        kernels = tokens[:, 1 : 1 + features.shape[1]]
        maps = torch.einsum("bkd,bdhw->bkhw", kernels, self.mixed(features))
        chances = self.chances(maps).float().softmax(1)
        return torch.einsum("bnhw,bn->bhw", chances, centres)[:, None], centres

    def _centres(self, token: Tensor) -> Tensor:
        shares = functional.relu(self.widths(token).float()) + 0.1  # as the authors' code has it: no bin vanishes
        widths = (self.far - self.near) * shares / shares.sum(1, keepdim=True)
        return self.near + widths.cumsum(1) - widths / 2


class Up(nn.Module):
    """Features enlarged to their skip's size, beside it, and two convolutions."""

    def __init__(self, into: int, out: int):
        super().__init__()
        self.convolutions = nn.Sequential(*_convolution(into, out), *_convolution(out, out))

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        large = functional.interpolate(features, skip.shape[-2:], mode="bilinear", align_corners=True)
        return self.convolutions(torch.cat([large, skip], 1))


def _convolution(into: int, out: int) -> list[nn.Module]:
    return [nn.Conv2d(into, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU()]


def silog(guess: Tensor, truth: Tensor, balance: float = 0.85, scale: float = 10.0) -> Tensor:
    """The scale-invariant loss of Eigen et al. 2014 in the paper's form (equation 4), over the pixels where ``truth``
    (metres) is above 0; both (B, 1, H, W)."""
    known = truth > 0
    error = guess[known].clamp(min=1e-3).log() - truth[known].log()
    return scale * (error.square().mean() - balance * error.mean().square()).clamp(min=1e-8).sqrt()


def chamfer(centres: Tensor, truth: Tensor, most: int = 1024) -> Tensor:
    """How far the centres of bins (B, n) are from the depths of their picture (B, 1, H, W), and those from them
    (equation 5), squared, over ``most`` known pixels of each; a picture of holes alone counts nothing."""
    parts = []
    for mine, picture in zip(centres, truth, strict=True):
        known = picture[picture > 0]
        if len(known):
            some = known[torch.linspace(0, len(known) - 1, min(most, len(known)), device=known.device).long()]
            apart = (mine[:, None] - some[None]).square()
            parts.append(apart.min(0).values.mean() + apart.min(1).values.mean())
    return torch.stack(parts).mean() if parts else centres.sum() * 0
