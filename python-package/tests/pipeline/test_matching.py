"""Planes made as thick as those of the training: centred, harmless where all planes are alike, exact in the slices."""

import numpy as np
import pytest
import torch

from pdm_core import SuperResolutionOptions, Volume, super_resolve
from pdm_core.diffusion import Bridge
from pdm_core.pipeline.lattice import Lattice
from pdm_core.pipeline.matching import MatchedDenoiser, ThicknessMatching

KINDS = ("residual", "average")


class Oracle:
    """Knows what thick planes lack: the residual r, and takes the latent at its word."""

    bridge = Bridge()

    def __init__(self, residual):
        self.residual, self.seen = residual, []

    def estimate(self, x, x_lr, u, factor):
        self.seen.append((x, x_lr))
        return x_lr + self.residual

    def mixture(self, x, x_lr, u, factor):
        weight = float(self.bridge.alignment_weight(u))
        return x_lr + weight * (self.estimate(x, x_lr, u, factor) - x_lr)


def thin_thick_residual_noise():
    torch.manual_seed(0)
    return (torch.randn(3, 1, 8, 9) for _ in range(4))


@pytest.mark.parametrize("u", [1.0, 0.4])
def test_the_residual_of_thick_planes_is_added_to_thin_ones(u):
    thin, thick, residual, noise = thin_thick_residual_noise()
    oracle = Oracle(residual)
    a, b, sigma = oracle.bridge.at(u)
    matched = MatchedDenoiser(oracle, thick, "residual")
    x = a * (thin + residual) + b * thin + sigma * noise
    torch.testing.assert_close(matched.estimate(x, thin, u, 4.0), thin + residual)
    seen, condition = oracle.seen[0]
    torch.testing.assert_close(seen, a * (thick + residual) + b * thick + sigma * noise)
    assert condition is thick
    weight = float(oracle.bridge.alignment_weight(u))
    torch.testing.assert_close(matched.mixture(x, thin, u, 4.0), thin + weight * residual)


@pytest.mark.parametrize("u", [1.0, 0.4])
def test_the_estimate_of_averaged_planes_stands_and_its_latent_stays_its_own(u):
    thin, thick, residual, noise = thin_thick_residual_noise()
    oracle = Oracle(residual)
    a, b, sigma = oracle.bridge.at(u)
    matched = MatchedDenoiser(oracle, thick, "average")
    x = a * (thick + residual) + b * thin + sigma * noise
    torch.testing.assert_close(matched.estimate(x, thin, u, 4.0), thick + residual)
    torch.testing.assert_close(oracle.seen[0][0], a * (thick + residual) + b * thick + sigma * noise)
    weight = float(oracle.bridge.alignment_weight(u))
    torch.testing.assert_close(matched.mixture(x, thin, u, 4.0), weight * (thick + residual) + (1 - weight) * thin)


@pytest.mark.parametrize("planes", [1, 2, 5, 6])
def test_averaged_planes_are_centred_and_as_thick_as_asked(planes):
    """The mean of a line is the line, that of a square as large as the box's variance says."""
    place = torch.arange(40.0, dtype=torch.float64)
    volume = torch.stack((place, place**2))[:, :, None].expand(-1, -1, 3)
    line, square = ThicknessMatching("average", (planes, 1)).thick(volume, 1, 10, 20)[:, :, 0].T
    torch.testing.assert_close(line, place[10:30])
    spread = (planes**2 - 1) / 12 if planes % 2 else (planes**2 + 2) / 12
    torch.testing.assert_close(square - line**2, torch.full((20,), spread, dtype=torch.float64))


def test_a_batch_of_planes_is_part_of_the_whole_and_borders_are_mirrored():
    volume, matching = torch.randn(4, 12, 10), ThicknessMatching("average", (6, 4))
    for axis in (1, 2):
        whole = matching.thick(volume, axis, 0, volume.shape[axis])
        torch.testing.assert_close(matching.thick(volume, axis, 3, 5), whole[3:8])
    assert whole.shape == (10, 4, 12) and whole.isfinite().all()


def test_planes_become_as_thick_as_the_slices():
    lattice = Lattice((20, 320, 320), np.diag([0.625, 0.9, 3.6, 1.0]), {})
    assert ThicknessMatching.of("average", 3.6, lattice).planes == (4, 6)


def a_stack(alike):
    random = np.random.default_rng(0)
    array = random.standard_normal((6, 36, 40)).astype(np.float32)
    array = np.broadcast_to(array[:, :1, :1], array.shape).copy() if alike else array
    return Volume(500 + 100 * array, np.diag([0.9, 0.9, 3.6, 1.0]), {"slice_thickness_mm": 3.6})


@pytest.mark.parametrize("kind", KINDS)
def test_matching_keeps_the_slices_and_matters_only_where_planes_differ(both_zoo, kind):
    options = {"mode": "through-plane", "factor": None, "steps": 2, "device": "cpu"}
    for alike in (True, False):
        plain, matched = (
            super_resolve(a_stack(alike), SuperResolutionOptions(**options, thickness_matching=chosen))
            for chosen in ("none", kind)
        )
        assert matched.provenance["consistency_db"] > 90
        assert matched.provenance["geometry"]["thickness_matching"] == kind
        change = np.abs(matched.volume.array - plain.volume.array).max() / np.ptp(plain.volume.array)
        assert change < 1e-4 if alike else change > 1e-3
