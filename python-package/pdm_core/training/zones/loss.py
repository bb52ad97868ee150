"""The loss of a zone network: Dice and cross-entropy, also where it is known only that a voxel is gland."""

from __future__ import annotations

import torch
from torch import Tensor

from pdm_core.training.zones.stacks import GLAND

# Voxels added to both sides of a Dice, so that one that is rightly empty costs next to nothing.
_SMOOTH = 50.0


def zone_loss(logits: Tensor, labels: Tensor, dice: float = 1.0) -> Tensor:
    """Mean loss of examples.

    Args:
        logits: (N, 3, K, J, I): background, peripheral zone, transition zone.
        labels: (N, K, J, I): 0, 1, 2, or 3 for gland of unknown zone.
        dice: weight of the Dice loss.
    """
    return (partial_cross_entropy(logits, labels) + dice * partial_dice_loss(logits.softmax(dim=1), labels)).mean()


def partial_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log of the probability of what is known of each voxel, the mean over the voxels of each example, (N,).

    What is known of gland without a zone is that it is one of the two: their probabilities add up.
    """
    log_p = logits.log_softmax(dim=1)
    either = torch.logaddexp(log_p[:, 1], log_p[:, 2])
    known = torch.cat((log_p, either[:, None]), dim=1)
    return -known.gather(1, labels.long()[:, None])[:, 0].flatten(1).mean(dim=1)


def partial_dice_loss(probabilities: Tensor, labels: Tensor) -> Tensor:
    """1 - soft Dice of each example, (N,): the mean of the gland's and, where the zones are known, of theirs."""
    gland = 1.0 - _soft_dice(1.0 - probabilities[:, 0], labels > 0)
    zones = [1.0 - _soft_dice(probabilities[:, zone], labels == zone) for zone in (1, 2)]
    known = (labels != GLAND).flatten(1).all(dim=1)
    return torch.where(known, (gland + zones[0] + zones[1]) / 3.0, gland)


def _soft_dice(found: Tensor, real: Tensor) -> Tensor:
    found, real = found.flatten(1), real.flatten(1).float()
    return (2.0 * (found * real).sum(dim=1) + _SMOOTH) / (found.sum(dim=1) + real.sum(dim=1) + _SMOOTH)
