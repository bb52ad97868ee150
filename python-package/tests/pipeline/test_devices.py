"""Networks as they run on a device."""

import pytest
import torch

from pdm_core.diffusion.denoisers import RegressionDenoiser
from pdm_core.pipeline.devices import MixedPrecision, default_batch, prepared


@pytest.mark.parametrize(("pixels", "batch"), [(512 * 512, 1), (320 * 320, 1), (48 * 320, 6), (48 * 64, 20)])
def test_a_cpu_sees_about_as_many_pixels_at_a_time_whatever_the_matrix(pixels, batch):
    assert default_batch(torch.device("cpu"), pixels, 20) == batch


@pytest.mark.parametrize(("device", "wrapped"), [("cpu", True), ("meta", False)])
def test_devices_that_nobody_has_measured_get_the_network_as_it_is(device, wrapped):
    denoiser = RegressionDenoiser(torch.nn.Conv2d(1, 1, 3))
    runnable = prepared(denoiser, torch.device(device), torch.float32)
    assert isinstance(runnable.network, MixedPrecision) is wrapped


class Sum(torch.nn.Module):
    """A network of an image, and of scalars where there are some."""

    def forward(self, image, *scalars):
        return sum(scalars, start=image)


@pytest.mark.parametrize("scalars", [(), (torch.ones(1),)])
def test_mixed_precision_serves_networks_that_are_told_scalars_and_those_that_are_not(scalars):
    image = torch.zeros(2, 1, 4, 4)
    output = MixedPrecision(Sum(), torch.bfloat16)(image, *scalars)
    assert output.dtype is torch.float32
    torch.testing.assert_close(output, image + len(scalars))
