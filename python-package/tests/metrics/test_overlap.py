"""Dice and the 95 % Hausdorff distance against MONAI, by hand, and of known shapes."""

import math

import numpy as np
import pytest
import torch

from pdm_core.metrics.overlap import dice, hausdorff_95

SPACING = (3.0, 0.5, 0.6)


@pytest.fixture
def two_masks():
    """Two ellipsoids that overlap, away from the borders, one with a bump."""
    k, j, i = np.mgrid[:14, :48, :40]
    one = ((k - 7) / 4.0) ** 2 + ((j - 24) / 14.0) ** 2 + ((i - 20) / 11.0) ** 2 < 1
    two = ((k - 6) / 4.0) ** 2 + ((j - 22) / 13.0) ** 2 + ((i - 21) / 12.0) ** 2 < 1
    two[5:8, 36:42, 18:22] = True
    return one, two


def test_both_are_monais(two_masks):
    monai = pytest.importorskip("monai.metrics")
    found, real = (torch.from_numpy(mask)[None, None].float() for mask in two_masks)
    assert dice(*two_masks) == pytest.approx(monai.DiceMetric()(found, real).item(), abs=1e-6)
    theirs = monai.compute_hausdorff_distance(found, real, include_background=True, percentile=95, spacing=SPACING)
    assert hausdorff_95(*two_masks, SPACING) == pytest.approx(theirs.item(), abs=1e-4)


def test_distances_are_in_millimetres_along_their_axes():
    mask = np.zeros((9, 9, 9), bool)
    mask[4, 4, 4] = True
    for axis, spacing in enumerate(SPACING):
        moved = np.roll(mask, 2, axis)
        assert hausdorff_95(mask, moved, SPACING) == pytest.approx(2 * spacing) and dice(mask, moved) == 0.0


def test_nothing_found_where_nothing_is_agrees():
    empty, full = np.zeros((3, 3, 3), bool), np.ones((3, 3, 3), bool)
    assert dice(empty, empty) == 1.0 and hausdorff_95(empty, empty, SPACING) == 0.0
    assert dice(empty, full) == 0.0 and hausdorff_95(empty, full, SPACING) == float("inf")


def a_box(first, last, shape=(12, 20, 24)):
    box = np.zeros(shape, bool)
    box[tuple(slice(low, high) for low, high in zip(first, last, strict=True))] = True
    return box


def test_dice_of_boxes():
    box, half = a_box((2, 4, 4), (6, 12, 12)), a_box((2, 4, 4), (6, 12, 8))
    assert dice(box, box) == 1.0 and dice(box, half) == pytest.approx(2 / 3)
    assert dice(box, ~box) == 0.0 and dice(np.zeros_like(box), np.zeros_like(box)) == 1.0


def test_a_shifted_box_is_as_far_away_in_mm_as_it_was_shifted():
    box = a_box((2, 4, 4), (6, 12, 12))
    for axis, (spacing, voxels) in enumerate(((3.0, 2), (0.5, 4), (0.8, 3))):
        moved = np.roll(box, voxels, axis)
        assert hausdorff_95(box, moved, (3.0, 0.5, 0.8)) == pytest.approx(spacing * voxels, rel=0.34)
        assert hausdorff_95(moved, box, (3.0, 0.5, 0.8)) == hausdorff_95(box, moved, (3.0, 0.5, 0.8))
    assert hausdorff_95(box, box, (3.0, 0.5, 0.8)) == 0.0


def test_the_distance_of_nested_boxes_is_their_margin():
    inner, outer = a_box((4, 8, 8), (8, 12, 12)), a_box((4, 5, 5), (8, 15, 15))
    assert hausdorff_95(inner, outer, (3.0, 1.0, 1.0)) == pytest.approx(3 * math.sqrt(2), abs=0.9)
    nothing = np.zeros_like(inner)
    assert hausdorff_95(inner, nothing, (1.0, 1.0, 1.0)) == math.inf and hausdorff_95(nothing, nothing, (1, 1, 1)) == 0.0
