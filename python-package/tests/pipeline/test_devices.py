"""Networks as they run on a device."""

import pytest
import torch

from pdm_core.pipeline.devices import MixedPrecision


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
