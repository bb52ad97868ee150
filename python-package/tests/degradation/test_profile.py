"""A of SCIENCE §2.3: its published numbers, its adjoint, and an exact projection that never makes an estimate worse."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from pdm_core.degradation.profile import MAX_CONDITION, SliceOperator, SliceProfile
from pdm_core.errors import InputError

KINDS = ("box", "gaussian", "sinc")
ALIGNS = ("index0", "fov")
SIZES = [(20, 120), (19, 110), (7, 11), (2, 3), (40, 320)]


def an_operator(low=20, high=120, align="fov", kind="gaussian", thickness=1.0):
    return SliceOperator(low, high, align, SliceProfile(kind, thickness))


def some_images(rows, seed=0):
    return torch.randn((2, 3, rows, 5), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def transfer(row, frequency):
    return abs(np.sum(row * np.exp(-2j * np.pi * frequency * np.arange(len(row)))))


@pytest.mark.parametrize(
    ("kind", "thickness", "at_nyquist", "alias", "condition"),
    [
        ("box", 1.0, 0.644, 0.241, 1.0), ("gaussian", 1.0, 0.411, 0.102, 2.95), ("gaussian", 0.8, 0.566, 0.233, 1.6),
        ("gaussian", 1.2, 0.278, 0.038, 6.4),
    ],
)  # fmt: skip
def test_modulation_alias_and_condition_are_those_of_the_science(kind, thickness, at_nyquist, alias, condition):
    matrix = an_operator(kind=kind, thickness=thickness).matrix
    assert transfer(matrix[10], 1 / 12) == pytest.approx(at_nyquist, abs=6e-4)
    assert transfer(matrix[10], 0.8 / 6) == pytest.approx(alias, abs=6e-4)
    assert np.linalg.cond(matrix @ matrix.T) == pytest.approx(condition, rel=0.01)


def test_the_windowed_sinc_halves_the_nyquist_frequency_and_aliases_less_than_the_cut_one():
    matrix = an_operator(kind="sinc").matrix
    assert transfer(matrix[10], 1 / 12) == pytest.approx(0.506, abs=6e-3)
    assert transfer(matrix[10], 0.8 / 6) < 0.021
    assert np.linalg.cond(matrix @ matrix.T) < 2.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("align", ALIGNS)
@pytest.mark.parametrize(("low", "high"), SIZES)
@pytest.mark.parametrize("thickness", [0.3, 0.8, 1.0, 1.3])
def test_rows_sum_to_one_and_averaging_undoes_interpolation(kind, align, low, high, thickness):
    a = an_operator(low, high, align, kind, thickness)
    np.testing.assert_allclose(a.matrix.sum(axis=1), 1.0, atol=1e-14)
    np.testing.assert_allclose(a.matrix @ a.interpolation, np.eye(low), atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("align", ALIGNS)
@pytest.mark.parametrize(("low", "high"), SIZES)
def test_the_projection_is_exact_idempotent_and_never_makes_an_estimate_worse(kind, align, low, high):
    a = an_operator(low, high, align, kind, 1.2)
    truth, guess = some_images(high), some_images(high, seed=1)
    y = a.apply(truth)
    once = a.project(guess, y)
    torch.testing.assert_close(a.apply(once), y, rtol=0, atol=1e-9)
    torch.testing.assert_close(a.project(once, y), once, rtol=0, atol=1e-9)
    error = lambda x: float((x - truth).square().sum())
    assert error(once) <= error(guess) * (1 + 1e-12)


def test_in_single_precision_the_slices_come_back_beyond_90_db():
    a = an_operator(thickness=1.3)
    truth = some_images(120).float()
    y = a.apply(truth)
    residual = a.apply(a.project(some_images(120, seed=1).float(), y)) - y
    assert 10 * np.log10(4.0 / float(residual.square().mean())) > 90


@pytest.mark.parametrize("align", ALIGNS)
def test_the_adjoint_is_the_adjoint(align):
    a = an_operator(19, 110, align)
    x, y = some_images(110), some_images(19, seed=1)
    torch.testing.assert_close((a.apply(x) * y).sum(), (x * a.adjoint(y)).sum(), rtol=1e-12, atol=1e-10)


def test_slices_that_overlap_too_much_are_met_less_exactly_rather_than_with_amplified_noise():
    mild, wild = an_operator(thickness=2.2), an_operator(thickness=3.0)
    power = np.linalg.eigvalsh(wild.matrix @ wild.matrix.T)
    assert power[-1] / power[0] > 10 * MAX_CONDITION
    np.testing.assert_allclose(mild.matrix @ mild.pseudo_inverse, np.eye(20), atol=1e-8)
    # The norm of a damped inverse is at most 1 / (2 sqrt(mu)), with mu near the largest power over the allowed condition.
    assert np.linalg.norm(wild.pseudo_inverse, 2) <= 0.51 * np.sqrt(MAX_CONDITION / power[-1])


@pytest.mark.parametrize(("align", "offset"), [("index0", 0.0), ("fov", 0.5)])
def test_a_straight_line_keeps_its_place(align, offset):
    """Away from the ends a symmetric profile gives back the line at the slices' centres, and so does the interpolation."""
    a = an_operator(19, 110, align)
    places = (np.arange(110) + offset) * 19 / 110 - offset
    inside = slice(4, 15)
    np.testing.assert_allclose((a.matrix @ places)[inside], np.arange(19)[inside], atol=2e-3)
    fine = (places > 6) & (places < 12)
    np.testing.assert_allclose((a.interpolation @ np.arange(19.0))[fine], places[fine], atol=0.02)


def test_before_its_projection_the_interpolation_is_the_spline_of_scipy():
    a = an_operator(8, 24, "fov")
    slices = np.random.default_rng(0).standard_normal((8, 4))
    expected = ndimage.zoom(slices, (3, 1), order=3, mode="reflect", grid_mode=True)
    y = torch.from_numpy(slices)
    smooth = torch.from_numpy(expected)
    torch.testing.assert_close(a.interpolated(y), a.project(smooth, y), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("low", "high", "thickness"), [(4, 3, 1.0), (0, 3, 1.0), (2, 4, 0.0), (2, 4, float("nan"))])
def test_impossible_operators_are_refused(low, high, thickness):
    with pytest.raises(InputError, match=r"cannot become|not possible"):
        an_operator(low, high, thickness=thickness)
