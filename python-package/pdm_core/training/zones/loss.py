"""The loss of a zone network: Dice and cross-entropy, also where it is left open what a voxel is."""

from __future__ import annotations

import torch
from torch import Tensor

from pdm_core.training.zones.label_sets import GLAND, PERIPHERAL, TRANSITION, possible

# Voxels added to both sides of a Dice, so that one that is rightly empty costs next to nothing.
_SMOOTH = 50.0


def zone_loss(logits: Tensor, labels: Tensor, dice: float = 1.0) -> Tensor:
    """Mean loss of examples.

    Args:
        logits: (N, 3, K, J, I): background, peripheral zone, transition zone.
        labels: (N, K, J, I): 0, 1, 2, or a set of them, see `label_sets`.
        dice: weight of the Dice loss.
    """
    return (partial_cross_entropy(logits, labels) + dice * partial_dice_loss(logits.softmax(dim=1), labels)).mean()


def partial_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log of the probability of what is known of each voxel, the mean over the voxels of each example, (N,).

    What is known of a voxel that may be several things is that it is one of them: their probabilities add up.
    """
    log_p = logits.log_softmax(dim=1).masked_fill(~possible(labels), -torch.inf)
    return -log_p.logsumexp(dim=1).flatten(1).mean(dim=1)


def partial_dice_loss(probabilities: Tensor, labels: Tensor) -> Tensor:
    """1 - soft Dice of each example, (N,): the mean of the gland's and, where the zones are known, of theirs.

    A voxel that may belong to a structure, or may not, is left out of its Dice.
    """
    may_be = possible(labels)
    alone = may_be.sum(dim=1) == 1
    inside = may_be[:, 1:].any(dim=1)
    gland = 1.0 - _soft_dice(1.0 - probabilities[:, 0], inside, ~(inside & may_be[:, 0]))
    zones = [1.0 - _soft_dice(probabilities[:, zone], may_be[:, zone], ~may_be[:, zone] | alone) for zone in (1, 2)]
    return torch.where(_tells_of_zones(labels), (gland + zones[0] + zones[1]) / 3.0, gland)


def _tells_of_zones(labels: Tensor) -> Tensor:
    """Which examples, (N,): those that are not of a gland alone."""
    one_zone = ((labels == PERIPHERAL) | (labels == TRANSITION)).flatten(1).any(dim=1)
    return one_zone | (labels != GLAND).flatten(1).all(dim=1)


def _soft_dice(found: Tensor, real: Tensor, known: Tensor) -> Tensor:
    found, real = (found * known).flatten(1), (real & known).flatten(1).float()
    return (2.0 * (found * real).sum(dim=1) + _SMOOTH) / (found.sum(dim=1) + real.sum(dim=1) + _SMOOTH)
