"""Zone probabilities of a volume that is larger than what a network sees at once: overlapping windows, averaged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from pdm_core.networks.windows import gaussian_weight, windows
from pdm_core.progress import CancelCheck, Progress, ProgressCallback

STAGE = "finding the zones"


@torch.inference_mode()
def probabilities_by_windows(
    network: Callable[[Tensor], Tensor],
    image: Tensor,
    window: tuple[int, int, int],
    overlap: float,
    progress: ProgressCallback | None = None,
    cancel: CancelCheck | None = None,
) -> Tensor:
    """Softmax of a network's logits, averaged over the windows that see a voxel.

    Args:
        network: `[1, 1, *window]` to logits `[1, C, *window]`.
        image: `[k, j, i]` on the network's device; a side shorter than the window is continued with zeros at its far
            end.
        window: voxels along each axis.
        overlap: least share of a window that its neighbour sees too, below 1.
        progress: receives every window.
        cancel: asked after every window.

    Returns:
        `[C, k, j, i]` on the CPU.

    Raises:
        CancelledError: the caller asked to stop.
    """
    padded = _at_least(image, window)
    places = list(windows(padded.shape, window, overlap))
    weight = gaussian_weight(window)
    meter = Progress(STAGE, len(places), progress, cancel)
    total: Tensor | None = None
    seen = torch.zeros(padded.shape)
    for at in places:
        found = torch.softmax(network(padded[at][None, None])[0].float(), dim=0).cpu()
        if total is None:
            total = torch.zeros((len(found), *padded.shape))
        for channel, probability in zip(total, found, strict=True):
            channel[at] += weight * probability
        seen[at] += weight
        meter.advance()
    assert total is not None
    k, j, i = image.shape
    return (total / seen)[:, :k, :j, :i]


def _at_least(image: Tensor, window: tuple[int, int, int]) -> Tensor:
    """The image continued at its far ends until a window fits in."""
    missing = [max(0, size - length) for size, length in zip(window, image.shape, strict=True)]
    pads = [number for short in reversed(missing) for number in (0, short)]
    return functional.pad(image, pads)
