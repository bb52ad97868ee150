"""A regression like SMORE (Zhao et al., IEEE TMI 2021): the scan teaches its own slice direction.

Written from the article: a network for one scan, trained on its in-plane images degraded along one axis as its slices were,
then run over the planes across the slices in both directions, whose results are averaged. Smaller than SMORE's (an EDSR of 8
blocks and 32 features), so that training and use take minutes on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pdm_core.degradation.kspace import downsample
from pdm_core.degradation.profile import SliceOperator
from pdm_core.networks.edsr import Edsr
from pdm_core.networks.seeded import seeded

# Axes of (K, J, I) that planes across the slices are counted along, and that stand in for the slice direction.
_AXES = (1, 2)
# Planes a forward pass.
_PLANES = 4


@dataclass(frozen=True)
class SmoreSettings:
    """Size and training of the network.

    Attributes:
        features: channels.
        blocks: residual blocks.
        iterations: optimiser steps.
        batch: patches a step.
        patch: their edge in pixels.
        learning_rate: peak of the one-cycle schedule.
    """

    features: int = 32
    blocks: int = 8
    iterations: int = 400
    batch: int = 16
    patch: int = 48
    learning_rate: float = 1e-3


def smore(
    slices: Tensor,
    operator: SliceOperator,
    coarser: tuple[float, float],
    settings: SmoreSettings | None = None,
    *,
    seed: int = 0,
    on_step: Callable[[], None] = lambda: None,
) -> Tensor:
    """Restore thick slices by a network that has seen nothing but them.

    Args:
        slices: the measured stack (K, J, I), scaled to about [0, 1].
        operator: what the slices have measured; its spline is what the network starts from, as in the article.
        coarser: new distance of the slices over that of the rows (J) and of the columns (I): images for training are first
            made as coarse along their rows.
        settings: size and training.
        seed: of weights and patches.
        on_step: called after every step of training and every few planes; may raise to cancel.

    Returns:
        The fine stack, (operator.high, J, I).
    """
    settings = settings or SmoreSettings()
    pairs = [_pairs(slices, axis, operator, ratio) for axis, ratio in zip(_AXES, coarser, strict=True)]
    network = trained_on_pairs(pairs, settings, seed, on_step)
    smooth = operator.smooth(slices.flatten(1)).reshape(-1, *slices.shape[1:])
    return _averaged(network, smooth, on_step)


def _pairs(slices: Tensor, axis: int, operator: SliceOperator, coarser: float) -> Tensor:
    """Truth and degraded images with `axis` down their rows, (2, K, H, W)."""
    images = slices if axis == 1 else slices.transpose(1, 2)
    rows, columns = images.shape[1:]
    images = downsample(images, (round(rows / max(1.0, coarser)), columns))
    rows = images.shape[1]
    along = SliceOperator(max(1, round(rows / operator.factor)), rows, operator.align, operator.profile)
    return torch.stack((images, along.smooth(along.apply(images))))


def trained_on_pairs(pairs: list[Tensor], settings: SmoreSettings, seed: int, on_step: Callable[[], None]) -> Edsr:
    """Train a network that leads from degraded images to the truth before them.

    Args:
        pairs: truth and degraded images, (2, K, H, W) each.
        settings: size and training.
        seed: of weights and patches.
        on_step: called after every step; may raise to cancel.
    """
    with seeded(seed):
        network = Edsr(settings.features, settings.blocks)
    optimizer = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=settings.iterations)
    for patches in _batches(pairs, settings, seed):
        optimizer.zero_grad()
        functional.l1_loss(network(patches[:, 1:]), patches[:, :1]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        on_step()
    return network.eval()


def _batches(pairs: list[Tensor], settings: SmoreSettings, seed: int) -> Iterator[Tensor]:
    """Batches (N, 2, h, w) of random patches of truth and degraded image, flipped alike."""
    random = np.random.default_rng(seed)
    for _ in range(settings.iterations):
        images = pairs[int(random.integers(len(pairs)))]
        rows, columns = (min(settings.patch, edge) for edge in images.shape[-2:])
        patches = []
        for _ in range(settings.batch):
            k, top, left = (
                int(random.integers(edge))
                for edge in (images.shape[1], images.shape[2] - rows + 1, images.shape[3] - columns + 1)
            )
            patch = images[:, k, top : top + rows, left : left + columns]
            flips = [dim for dim in (-2, -1) if random.random() < 0.5]
            patches.append(torch.flip(patch, flips))
        yield torch.stack(patches)


@torch.inference_mode()
def _averaged(network: Edsr, smooth: Tensor, on_step: Callable[[], None]) -> Tensor:
    """The mean of what the network makes of both families of planes across the slices, (K, J, I)."""
    mean = torch.zeros_like(smooth)
    for axis in _AXES:
        planes = smooth.movedim(axis, 0)
        for start in range(0, len(planes), _PLANES):
            part = planes[start : start + _PLANES]
            restored = network(part[:, None].contiguous())[:, 0]
            mean.narrow(axis, start, len(part)).add_(restored.movedim(0, axis), alpha=1.0 / len(_AXES))
            on_step()
    return mean
