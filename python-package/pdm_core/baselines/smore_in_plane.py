"""SMORE within the slices, as the paper's tables have it: the scan teaches the way back from its own further reduction."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pdm_core.baselines.smore import SmoreSettings, trained_on_pairs
from pdm_core.degradation.kspace import Size, lowres_size, project, upsample


def smore_in_plane(
    slices: Tensor,
    size: Size,
    settings: SmoreSettings | None = None,
    *,
    seed: int = 0,
    on_step: Callable[[], None] = lambda: None,
) -> Tensor:
    """Restore reduced slices by a network that has seen nothing but them, reduced once more by the same factor.

    Args:
        slices: the measured slices (K, h, w), scaled to about [0, 1].
        size: the full matrix (H, W).
        settings: size and training of the network; its `iterations` are the optimiser steps of the budget.
        seed: of weights and patches.
        on_step: called after every step of training and every slice; may raise to cancel.

    Returns:
        The restored slices, (K, H, W).
    """
    settings = settings or SmoreSettings()
    factor = size[0] / slices.shape[-2]
    degraded = project(slices, lowres_size((slices.shape[-2], slices.shape[-1]), factor))
    network = trained_on_pairs([torch.stack((slices, degraded))], settings, seed, on_step)
    restored = []
    with torch.inference_mode():
        for image in upsample(slices, size):
            restored.append(network(image[None, None])[0, 0])
            on_step()
    return torch.stack(restored)
