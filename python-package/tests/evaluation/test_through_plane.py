"""The table between slices: thick slices from thin ones, every method by one measure."""

import sys
from functools import partial

import numpy as np
import pytest
import torch

from pdm_core import MissingDependencyError, Volume
from pdm_core.baselines.smore import SmoreSettings, smore
from pdm_core.evaluation import through_plane
from pdm_core.evaluation.cases import Case
from pdm_core.evaluation.tables import as_markdown, with_means
from pdm_core.evaluation.through_plane import BASELINE, EXACT, SMORE, Others, evaluate_through_plane, thick_slices

QUICK = SmoreSettings(features=8, blocks=1, iterations=3, batch=2, patch=16)


def a_truth():
    random = np.random.default_rng(0)
    smooth = torch.from_numpy(random.standard_normal((1, 1, 8, 12, 12))).float()
    array = torch.nn.functional.interpolate(smooth, (24, 36, 40), mode="trilinear")[0, 0].numpy()
    return Volume(500 + 100 * array, np.diag([0.8, 0.8, 1.0, 1.0]))


def test_every_method_is_measured_alike(both_zoo):
    rows = evaluate_through_plane([Case("a", a_truth)], ["thin"], factors=(3.0,), steps=(1,), device="cpu")
    by_name = {row.method: row for row in rows}
    assert list(by_name) == ["linear", BASELINE, EXACT, "thin, 1 step"]
    # The truth is smooth: interpolation that knows the slices' thickness is nearer to it, and exact in the slices.
    assert by_name[EXACT].psnr > by_name[BASELINE].psnr > by_name["linear"].psnr
    for name in (EXACT, "thin, 1 step"):
        assert by_name[name].consistency > 90 > by_name[BASELINE].consistency
    assert all(row.psnr_inside > row.psnr for row in rows if row.method != "thin, 1 step")
    assert 0 < by_name[EXACT].high_frequency < 1 and by_name[EXACT].detail > 0
    table = as_markdown(with_means(rows), BASELINE)
    assert "| mean | x3 | thin, 1 step |" in table and "+0.00" in table


def test_thick_slices_lie_where_the_thin_ones_were():
    truth = a_truth()
    low, operator = thick_slices(truth, 5.0)
    assert low.shape == (5, 36, 40) and operator.factor == 24 / 5
    np.testing.assert_array_equal(low.ijk_to_ras[:, 3], truth.ijk_to_ras[:, 3])
    assert low.spacing[2] == pytest.approx(4.8) and low.metadata["slice_thickness_mm"] == pytest.approx(4.8)


def test_a_regression_trained_on_the_case_itself_is_measured_as_it_is_and_made_exact(both_zoo, monkeypatch):
    monkeypatch.setattr("pdm_core.evaluation.through_plane.smore", partial(smore, settings=QUICK))
    rows = evaluate_through_plane([Case("a", a_truth)], [], (3.0,), (), others=Others(smore=True), device="cpu")
    by_name = {row.method: row for row in rows}
    plain, exact = by_name[SMORE], by_name[f"{SMORE}, exact in the slices"]
    assert exact.consistency > 90 > plain.consistency and exact.psnr > plain.psnr


def test_flicker_is_of_what_was_added(both_zoo):
    rows = evaluate_through_plane([Case("a", a_truth)], ["thin"], (3.0,), (1,), device="cpu")
    by_name = {row.method: row for row in rows}
    assert by_name[EXACT].flicker == by_name[EXACT].flicker_planes == 0
    assert by_name["thin, 1 step"].flicker > 0 < by_name["thin, 1 step"].flicker_planes
    heading, _, *lines = as_markdown(with_means(rows), BASELINE).splitlines()
    assert heading.endswith("| detail | flicker | flicker, planes |")
    assert all(line.count("|") == heading.count("|") for line in lines)


def test_soup_gan_is_asked_for_before_the_work(both_zoo, monkeypatch):
    monkeypatch.setitem(sys.modules, "KevinSR", None)
    with pytest.raises(MissingDependencyError, match="SOUP-GAN cannot be run"):
        evaluate_through_plane([Case("a", a_truth)], [], (3.0,), (), others=Others(soup_gan=True))


def test_an_adapted_model_has_a_row_of_its_own(both_zoo):
    rows = evaluate_through_plane([Case("a", a_truth)], ["thin"], (3.0,), (1,), others=Others(adapt=2), device="cpu")
    assert [row.method for row in rows][-2:] == ["thin, 1 step", "thin adapted, 1 step"]
    assert rows[-1].psnr != rows[-2].psnr and rows[-1].consistency > 90


def test_a_slab_is_the_middle_of_the_case_in_its_place(both_zoo, monkeypatch):
    seen = []
    whole = through_plane.thick_slices
    monkeypatch.setattr(through_plane, "thick_slices", lambda truth, factor: seen.append(truth) or whole(truth, factor))
    for slab in (None, 13):
        evaluate_through_plane([Case("a", a_truth)], [], (3.0,), (), slab=slab)
    full, part = seen
    assert (full.shape[0], part.shape[0]) == (24, 13)
    np.testing.assert_array_equal(part.array, full.array[5:18])
    np.testing.assert_allclose(part.ijk_to_ras[:3, 3], (0, 0, 5))
