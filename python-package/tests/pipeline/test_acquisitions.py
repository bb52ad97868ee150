"""What counts as measured in the pipeline: the plain box, or as much as a model that undoes acquisitions speaks for."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pdm_core import SuperResolutionOptions, Volume, super_resolve
from pdm_core.degradation.acquisition import Acquisition, Filter, Shutter
from pdm_core.degradation.kspace import downsample, project, upsample
from pdm_core.diffusion.bridges import InterpolantBridge
from pdm_core.diffusion.sampling import SamplingPlan
from pdm_core.pipeline.grid import InPlaneGrid
from pdm_core.pipeline.restoration import Restorer
from pdm_core.progress import Progress
from pdm_core.zoo import write_card

LOW = (40, 36)
THROUGH = Acquisition(LOW, Shutter(0.92, 1.0), Filter("hamming", weight=0.7))


def the_truth(slices=5, seed=0):
    """Noise whose amplitude falls as 1/|k|, (slices, 1, 80, 72)."""
    random = np.random.default_rng(seed)
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(80), np.fft.fftfreq(72), indexing="ij"))
    spectrum = np.fft.fft2(random.standard_normal((slices, 1, 80, 72))) / np.maximum(frequency, 1 / 80)
    return torch.from_numpy(np.fft.ifft2(spectrum).real / 4).float()


class Oracle:
    """Knows the truth of whichever slice it is shown by the mean, which every acquisition keeps."""

    bridge = InterpolantBridge()

    def __init__(self, truth):
        self.truth = truth

    def estimate(self, x, x_lr, u, factor):
        # The pipeline shows some pixels of the opposite border beyond each border.
        wide = (x.shape[-2] - self.truth.shape[-2]) // 2
        means = x_lr[..., wide:-wide, wide:-wide].mean(dim=(-3, -2, -1))
        nearest = [int((self.truth.mean(dim=(-3, -2, -1)) - mean).abs().argmin()) for mean in means]
        return torch.nn.functional.pad(self.truth[nearest], (wide,) * 4, mode="circular")


def a_restorer(unit, denoiser):
    grid = InPlaneGrid.of(unit, 2.0, "index0", pad=False)
    return Restorer(denoiser, grid, SamplingPlan(steps=2), 1, 0, True, torch.device("cpu"))


@pytest.fixture
def a_model_of_acquisitions(a_tiny_model, tmp_path):
    """The path of the tiny model's card, which says that it was trained on random acquisitions."""
    path = tmp_path / "tiny.json"
    path.with_suffix(".safetensors").write_bytes(a_tiny_model.weights.read_bytes())
    write_card(replace(a_tiny_model, training={"recipe": {"degradation": {"kind": "acquisition"}}}), path)
    return str(path)


@pytest.mark.parametrize("align", ["index0", "fov"])
def test_a_plain_box_is_kept_by_the_projection(align):
    x, low = the_truth(2), downsample(the_truth(2, seed=1), LOW)
    grid = InPlaneGrid.of(low[:, 0].numpy(), 2.0, align, pad=False)
    x_lr = grid.interpolated(low)
    torch.testing.assert_close(grid.projection(x_lr)(x), x - project(x, LOW) + x_lr, rtol=0, atol=1e-5)
    torch.testing.assert_close(grid.measured_part(grid.placed(x, low, project=True)), low, rtol=0, atol=1e-5)


def test_of_an_acquisition_that_measures_the_mean_alone_the_estimate_is_free():
    x, low = the_truth(2), downsample(the_truth(2), LOW)
    grid = InPlaneGrid.of(low[:, 0].numpy(), 2.0, "index0", pad=False)
    free = replace(grid, acquisition=Acquisition(LOW, Shutter(1e-6, 2e-6)))
    torch.testing.assert_close(free.projection(grid.interpolated(low))(x), x, rtol=0, atol=1e-5)
    torch.testing.assert_close(free.placed(x, low, project=True), x, rtol=0, atol=1e-5)


def test_the_acquisition_is_found_by_a_restoration_that_undoes_it():
    truth = the_truth()
    low = THROUGH.reduce(truth)
    restorer = a_restorer(low[:, 0].numpy(), Oracle(truth))
    informed = restorer.informed(low[:, 0].numpy(), Progress("restoring", 10, None, None))
    found = informed.grid.acquisition
    assert (found.transfer() - THROUGH.transfer()).abs().mean() < 0.03
    restored = informed.restore(low[:, 0].numpy(), 2, Progress("restoring", 10, None, None), lambda line: None)
    errors = {
        name: (torch.from_numpy(image) - truth[:, 0]).square().mean()
        for name, image in (
            ("informed", restored.mean),
            ("box", restorer.restore(low[:, 0].numpy(), 2, Progress("", 10, None, None), lambda line: None).mean),
            ("zero filling", upsample(low, (80, 72))[:, 0].numpy()),
        )
    }
    # The box would keep what the filter took.
    assert errors["informed"] < 0.1 * errors["box"] and errors["box"] < errors["zero filling"]


def test_a_model_of_acquisitions_says_how_the_slices_were_measured(a_model_of_acquisitions, a_tiny_model):
    volume = Volume(500 + 100 * downsample(the_truth(), LOW)[:, 0].numpy(), np.diag([0.9, 0.9, 3.0, 1.0]))
    options = SuperResolutionOptions(model=a_model_of_acquisitions, steps=1, device="cpu", precision="float32")
    result = super_resolve(volume, options)
    # Untrained it changes next to nothing: all was measured.
    assert result.provenance["geometry"]["measured_through"] == "the whole of its k-space box"
    assert result.provenance["consistency_db"] > 80.0
    plain = super_resolve(volume, replace(options, model=str(a_tiny_model.weights.with_suffix(".json"))))
    assert "measured_through" not in plain.provenance["geometry"]
    np.testing.assert_array_equal(result.volume.array, plain.volume.array)
    free = super_resolve(volume, replace(options, project=False))
    assert "measured_through" not in free.provenance["geometry"]
    json.dumps(result.provenance)


def test_a_filter_that_is_found_is_told_to_the_user(a_model_of_acquisitions, monkeypatch):
    monkeypatch.setattr("pdm_core.pipeline.restoration.fitted_acquisition", lambda low, estimate: THROUGH)
    volume = Volume(500 + 100 * downsample(the_truth(), LOW)[:, 0].numpy(), np.diag([0.9, 0.9, 3.0, 1.0]))
    heard = []
    result = super_resolve(
        volume, SuperResolutionOptions(model=a_model_of_acquisitions, steps=1, device="cpu"), warn=heard.append
    )
    assert any(THROUGH.words in line for line in heard) and heard == result.provenance["warnings"]
    assert result.provenance["geometry"]["measured_through"] == THROUGH.words


def test_an_acquisition_is_told_in_words():
    assert THROUGH.words == "an elliptical shutter (0.92 to 1.00) and a Hamming filter (0.70)"
    assert Acquisition(LOW, None, Filter("tukey", taper=0.3)).words == "a Tukey filter (0.30)"
    assert Acquisition(LOW).words == "the whole of its k-space box"
