"""SOUP-GAN through its package, which is played here: its grid and scale become ours, and what is missing is said."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from pdm_core import MissingDependencyError
from pdm_core.baselines.soup_gan import find_soup_gan, soup_gan
from pdm_core.degradation.profile import SliceOperator, SliceProfile


def rescaled_and_zoomed(image, factor, prep_type):
    """What KevinSR does before its network: (rows, columns, slices) to 0..10000, ends of the stack on ends of the result."""
    assert prep_type == 0
    image = image - image.min()
    return zoom(image / image.max() * 10000, (1, 1, factor), order=1, mode="nearest")


@pytest.fixture
def the_package(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "KevinSR", SimpleNamespace(SOUP_GAN=rescaled_and_zoomed))
    monkeypatch.chdir(tmp_path)
    for name in ("Thick-to-thin", "Thin-to-thin"):
        (tmp_path / name).mkdir()
    return tmp_path


@pytest.mark.parametrize("align", ["index0", "fov"])
@pytest.mark.parametrize("high", [24, 26])
def test_its_samples_come_to_lie_where_ours_do_with_our_intensities(the_package, align, high):
    """A ramp along the slices stays the same ramp in mm, between the centres of the outermost slices."""
    operator = SliceOperator(8, high, align, SliceProfile())
    ramp = torch.arange(8.0)[:, None, None] * 3 + 50 + torch.zeros(8, 5, 4)
    restored = soup_gan(ramp, operator)
    assert restored.shape == (high, 5, 4)
    expected = 50 + 3 * np.clip(operator.places, 0, 7)
    np.testing.assert_allclose(restored[:, 2, 1], expected, atol=1e-3)


def test_what_is_missing_is_said_with_what_to_do(the_package, monkeypatch):
    (the_package / "Thick-to-thin").rmdir()
    with pytest.raises(MissingDependencyError, match="weights are not in the working folder: Thick-to-thin"):
        find_soup_gan()
    monkeypatch.setitem(sys.modules, "KevinSR", None)
    with pytest.raises(MissingDependencyError, match=r"cannot be run.*pip --no-deps"):
        find_soup_gan()
