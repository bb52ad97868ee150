"""Labels that leave open what a voxel is, and what the loss of the zones makes of them."""

import itertools

import pytest
import torch

from pdm_core.errors import InputError
from pdm_core.training.zones.label_sets import GLAND, either, possible
from pdm_core.training.zones.loss import partial_cross_entropy, partial_dice_loss, zone_loss
from pdm_core.training.zones.recipe import ZoneRecipe

SETS = {0: {0}, 1: {1}, 2: {2}, GLAND: {1, 2}, 5: {0, 1}, 6: {0, 2}, 7: {0, 1, 2}}


def test_labels_stand_for_sets():
    for label, expected in SETS.items():
        found = possible(torch.tensor([[label]]))[0, :, 0]
        assert {number for number in range(3) if found[number]} == expected


def test_labellings_together_allow_what_any_of_them_says():
    for first, second in itertools.product(SETS, SETS):
        joined = int(either([torch.tensor([label], dtype=torch.uint8) for label in (first, second)]))
        assert SETS[joined] == SETS[first] | SETS[second]
    assert either([torch.tensor([0, 1, 2, GLAND], dtype=torch.uint8)]).tolist() == [0, 1, 2, GLAND]


@pytest.mark.parametrize("label", SETS)
def test_cross_entropy_asks_for_the_sum_of_what_may_be(label):
    logits = torch.randn(1, 3, 2, 4, 4, requires_grad=True)
    loss = partial_cross_entropy(logits, torch.full((1, 2, 4, 4), label))
    p = logits.softmax(dim=1)[:, sorted(SETS[label])].sum(dim=1)
    torch.testing.assert_close(loss, -p.log().flatten(1).mean(dim=1), atol=1e-6, rtol=1e-5)
    loss.sum().backward()
    assert logits.grad.isfinite().all()


def test_what_is_found_where_labellings_differ_costs_nothing():
    """Whichever of the two is found there, the loss is that of a certain truth; a third thing is dear."""
    certain = torch.zeros(1, 4, 40, 40, dtype=torch.uint8)
    certain[:, :, :20], certain[:, :, 20:30] = 1, 2
    other = certain.clone()
    other[:, :, 18:22] = 2
    other[:, :, 30:32] = 1
    open_labels = either([certain, other])
    assert set(open_labels.unique().tolist()) == {0, 1, 2, GLAND, 5}
    for answer in (certain, other):
        assert float(zone_loss(_sure(answer), open_labels)) == pytest.approx(0.0, abs=1e-3)
    wrong = certain.clone()
    wrong[:, :, 18:22] = 0
    assert float(zone_loss(_sure(wrong), open_labels)) > 1.0
    assert float(zone_loss(_sure(other), certain)) > 1.0


def test_dice_leaves_out_what_is_open():
    labels = torch.zeros(1, 4, 40, 40, dtype=torch.uint8)
    labels[:, :, :20], labels[:, :, 20:30], labels[:, :, 30:34] = 1, 2, 5
    p = torch.rand(1, 3, 4, 40, 40).softmax(dim=1)
    changed = p.clone()
    changed[:, :, :, 30:34] = torch.tensor([0.1, 0.8, 0.1]).reshape(1, 3, 1, 1, 1)
    other_zone = partial_dice_loss(changed, labels) - partial_dice_loss(p, labels)
    changed[:, :, :, 30:34] = torch.tensor([0.9, 0.0, 0.1]).reshape(1, 3, 1, 1, 1)
    torch.testing.assert_close(partial_dice_loss(changed, labels) - partial_dice_loss(p, labels), other_zone)


def test_a_recipe_says_what_becomes_of_disagreement():
    given = {"name": "a", "network": {"kind": "zonal_unet"}}
    assert ZoneRecipe(**given).disagreement == "drawn"
    with pytest.raises(InputError, match="disagreement 'averaged' must be one of drawn, either"):
        ZoneRecipe(**given, disagreement="averaged")


def _sure(labels):
    return 20.0 * torch.nn.functional.one_hot(labels.long(), 3).movedim(-1, 1).float()
