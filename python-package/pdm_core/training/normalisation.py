"""Batch normalisation that does not depend on how a batch is shared out or cut."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

_NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


class RunningStatistics:
    """The statistics of a network's batch normalisations, moved once a step by all examples of all processes.

    While it learns, a network normalises by the running statistics, as it does afterwards: an example then knows nothing of
    the others of its batch, and gradients of parts add up to those of the whole. Networks without such layers are left alone.

    Args:
        network: its normalisations are switched to their running statistics for good.
    """

    def __init__(self, network: nn.Module) -> None:
        self._layers = [layer.eval() for layer in network.modules() if isinstance(layer, _NORMALISATIONS)]
        self._sums = [layer.weight.new_zeros(2 * layer.num_features + 1) for layer in self._layers]
        for layer, sums in zip(self._layers, self._sums, strict=True):
            layer.register_forward_pre_hook(_collecting(sums))

    @property
    def sums(self) -> list[Tensor]:
        """What was seen since `clear`, to be added up over the processes: count, sums and sums of squares a layer."""
        return self._sums

    def clear(self) -> None:
        """Forget what was seen."""
        for sums in self._sums:
            sums.zero_()

    def move(self) -> None:
        """Move the running statistics by the layers' momentum towards what was seen."""
        for layer, sums in zip(self._layers, self._sums, strict=True):
            assert layer.running_mean is not None and layer.running_var is not None and layer.momentum is not None
            mean, square = (sums[1:] / sums[0]).chunk(2)
            layer.running_mean.lerp_(mean, layer.momentum)
            layer.running_var.lerp_((square - mean.square()).clamp(min=0.0), layer.momentum)


def _collecting(sums: Tensor) -> Any:
    @torch.no_grad()
    def collect(_layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        features = inputs[0].detach().float().transpose(0, 1).flatten(1)
        sums[0] += features.shape[1]
        sums[1:] += torch.cat((features.sum(dim=1), features.square().sum(dim=1)))

    return collect
