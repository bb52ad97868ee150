"""What all samplers share: the types of their hooks and the start of partial diffusion."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pdm_core.diffusion.bridges import AffineBridge

Estimate = Callable[[Tensor, float], Tensor]
Refine = Callable[[Tensor], Tensor]
FreshNoise = Callable[[], Tensor]
OnStep = Callable[[int], None]


def start_latent(bridge: AffineBridge, x_lr: Tensor, noise: Tensor, u: float = 1.0) -> Tensor:
    """x_K = (a_K + b_K) x_LR + sigma_K eps: exact under alignment, the approximation of plain PDM without."""
    a, b, sigma = bridge.at(u)
    return (a + b) * x_lr + sigma * noise


def unchanged(x_hr: Tensor) -> Tensor:
    """The hook that refines nothing."""
    return x_hr


def nothing(_step: int) -> None:
    """The hook that does nothing after a step."""
