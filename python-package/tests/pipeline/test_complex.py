"""Models of complex images on magnitudes and on complex data."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pdm_core import SuperResolutionOptions, Volume, super_resolve
from pdm_core.degradation.kspace import downsample, project
from pdm_core.diffusion.bridges import VarianceExplodingBridge
from pdm_core.diffusion.images import COMPLEX
from pdm_core.diffusion.sampling import SamplingPlan
from pdm_core.errors import InputError
from pdm_core.networks import build_network
from pdm_core.pipeline.grid import InPlaneGrid
from pdm_core.pipeline.restoration import Restorer
from pdm_core.progress import Progress
from pdm_core.zoo import export_model

SHAPE = (2, 40, 36)


@pytest.fixture(scope="module")
def a_complex_model(a_tiny_model, tmp_path_factory):
    """An untrained score of complex images; returns the path of its card."""
    network = {"preset": "ncsnpp_complex", "channels": [4, 8, 8], "blocks": 1, "scalars": 2}
    card = replace(
        a_tiny_model,
        name="two_channels",
        method="score_mri_complex",
        network=network,
        bridge={"kind": "ve", "steps": 100, "start": 50, "alignment": "none"},
        parameterization="complex_score",
        sampler={**a_tiny_model.sampler, "sampler": "pc"},
    )
    torch.manual_seed(0)
    module = build_network(network)
    with torch.no_grad():
        for weights in module.parameters():
            weights += 0.05 * torch.randn(weights.shape)
    return str(export_model(module, card, tmp_path_factory.mktemp("complex")).weights.with_suffix(".json"))


@pytest.fixture
def a_scan():
    return Volume(100 * np.random.default_rng(0).random(SHAPE, dtype=np.float32), np.diag([0.8, 0.9, 3.0, 1.0]))


@pytest.fixture
def its_phase(a_scan):
    rows, columns = np.mgrid[: SHAPE[1], : SHAPE[2]] / 40.0
    phase = np.angle(np.exp(1j * (1.0 + 2.0 * np.sin(2 * np.pi * rows) + np.cos(2 * np.pi * columns))))
    return Volume(np.broadcast_to(phase, SHAPE), a_scan.ijk_to_ras)


@pytest.mark.parametrize(("align", "pad"), [("index0", False), ("index0", True), ("fov", False)])
def test_complex_data_keeps_its_measured_k_space_and_its_place(a_complex_model, a_scan, its_phase, align, pad):
    options = SuperResolutionOptions(model=a_complex_model, steps=2, align=align, pad=pad)
    result = super_resolve(a_scan, options, phase=its_phase)
    assert result.phase is not None and result.phase.shape == result.volume.shape == (2, 80, 72)
    np.testing.assert_array_equal(result.phase.ijk_to_ras, result.volume.ijk_to_ras)
    assert result.volume.array.min() >= 0.0
    values, known = (
        torch.polar(*(torch.from_numpy(part.array).double() for part in pair))
        for pair in ((result.volume, result.phase), (a_scan, its_phase))
    )
    grid = InPlaneGrid.of(a_scan.array, 2.0, align, pad)
    torch.testing.assert_close(grid.measured_part(values), known, rtol=0, atol=1e-3)
    # The magnitude alone does not: what was measured is complex.
    magnitude = grid.measured_part(values.abs())
    assert (magnitude - known.abs()).abs().max() > 1.0
    assert result.provenance["phase"] == "given" and result.provenance["consistency_db"] > 80.0


def test_a_magnitude_has_the_phase_zero_and_stays_as_measured(a_complex_model, a_scan):
    result = super_resolve(a_scan, SuperResolutionOptions(model=a_complex_model, steps=2))
    measured = downsample(torch.from_numpy(result.volume.array).double(), SHAPE[1:]).numpy()
    np.testing.assert_allclose(measured, a_scan.array, atol=1e-3)
    assert result.phase is None and result.provenance["phase"] == "zero"


def test_samples_of_complex_data_have_a_complex_mean_and_a_real_spread(a_complex_model, a_scan, its_phase):
    options = SuperResolutionOptions(model=a_complex_model, steps=1, samples=2)
    both = super_resolve(a_scan, options, phase=its_phase)
    first = super_resolve(a_scan, replace(options, samples=1), phase=its_phase)
    mean, one = (part.volume.array * np.exp(1j * part.phase.array) for part in (both, first))
    # Of two samples: each lies one deviation over the root of two from the mean.
    np.testing.assert_allclose(both.uncertainty.array, np.sqrt(2.0) * np.abs(one - mean), atol=1e-2)
    assert both.uncertainty.array.max() > 1.0


def test_a_real_oracle_restores_a_magnitude_as_one_channel_does(a_scan):
    class Oracle:
        bridge = VarianceExplodingBridge(100, 50, "none")

        def __init__(self, both):
            self.both = both

        def estimate(self, x, x_lr, u, factor):
            real = 0.3 * torch.tanh(x[:, :1] - self.both)
            return torch.cat((real + 1.0, torch.zeros_like(real)), dim=1) if self.both else real

    unit = (a_scan.array / 100 - 0.5).astype(np.float32)
    grid = InPlaneGrid.of(unit, 2.0, "index0", pad=False)

    def restored(oracle, **images):
        restorer = Restorer(oracle, grid, SamplingPlan("ancestral", 4), 2, 0, True, torch.device("cpu"), **images)
        return restorer.restore(unit, 2, Progress("restoring", 100, None, None), lambda line: None)

    plain, both = restored(Oracle(0)), restored(Oracle(1), images=COMPLEX)
    np.testing.assert_allclose(both.mean, plain.mean, atol=1e-5)
    np.testing.assert_allclose(both.spread, plain.spread, atol=1e-5)
    assert np.abs(plain.mean - project(torch.from_numpy(plain.mean), grid.low).numpy()).max() > 0.01


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda phase: phase[:, :-1], "The phase has"),
        (lambda phase: 180.0 * phase, "those are no radians"),
        (lambda phase: np.where(phase > 0, np.nan, phase), "those are no radians"),
    ],
)
def test_a_phase_that_is_none_is_refused(a_complex_model, a_scan, its_phase, change, reason):
    phase = Volume(change(its_phase.array), its_phase.ijk_to_ras)
    with pytest.raises(InputError, match=reason):
        super_resolve(a_scan, SuperResolutionOptions(model=a_complex_model), phase=phase)


def test_a_phase_of_another_place_is_refused(a_complex_model, a_scan, its_phase):
    aside = its_phase.ijk_to_ras.copy()
    aside[0, 3] += 0.5
    with pytest.raises(InputError, match="lies elsewhere"):
        super_resolve(a_scan, SuperResolutionOptions(model=a_complex_model), phase=Volume(its_phase.array, aside))


def test_negative_magnitudes_and_models_of_magnitudes_are_refused_with_a_phase(a_complex_model, tiny_zoo, a_scan, its_phase):
    below = Volume(a_scan.array - 50.0, a_scan.ijk_to_ras)
    with pytest.raises(InputError, match="reaches down to -49"):
        super_resolve(below, SuperResolutionOptions(model=a_complex_model), phase=its_phase)
    with pytest.raises(InputError, match="tiny restores magnitudes"):
        super_resolve(a_scan, SuperResolutionOptions(model="tiny"), phase=its_phase)
