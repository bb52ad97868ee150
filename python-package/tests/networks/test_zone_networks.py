"""Zone networks: any number of slices and any matrix, slices that see their neighbours, and what is refused."""

import pytest
import torch

from pdm_core.errors import InputError
from pdm_core.networks import build_zone_network
from pdm_core.networks.cat_net import slice_positions

SMALL = {
    "zonal_unet": {"kind": "zonal_unet", "channels": [8, 16], "detail": 8},
    "cat_net": {"kind": "cat_net", "channels": [4, 8, 16], "attended": 2, "heads": 2},
}


def a_network(kind):
    torch.manual_seed(0)
    return build_zone_network(SMALL[kind]).eval()


@pytest.mark.parametrize("kind", SMALL)
@pytest.mark.parametrize("shape", [(1, 16, 24), (2, 17, 23), (7, 32, 16)])
def test_any_number_of_slices_and_any_matrix(kind, shape):
    logits = a_network(kind)(torch.randn(2, 1, *shape))
    assert logits.shape == (2, 3, *shape) and logits.isfinite().all()


@torch.no_grad()
def changed_slices(kind):
    """Slices whose logits change when slice 3 of 9 is another one."""
    network, volume = a_network(kind), torch.randn(1, 1, 9, 16, 16)
    other = volume.clone()
    other[:, :, 3] = torch.randn(16, 16)
    difference = (network(volume) - network(other)).abs().amax(dim=(0, 1, 3, 4))
    return {number for number, value in enumerate(difference) if value > 1e-6}


def test_attention_mixes_all_slices():
    assert changed_slices("cat_net") == set(range(9))


def test_convolutions_mix_neighbours_only():
    """Two mixings, one on the way down and one on the way up, reach two slices."""
    assert changed_slices("zonal_unet") == {1, 2, 3, 4, 5}


@torch.no_grad()
def test_cat_net_without_attention_is_a_network_of_single_slices():
    network, volume = build_zone_network({**SMALL["cat_net"], "attended": 0}).eval(), torch.randn(1, 1, 4, 16, 16)
    alone = torch.cat([network(volume[:, :, number : number + 1]) for number in range(4)], dim=2)
    torch.testing.assert_close(network(volume), alone)


def test_positions_of_slices_differ():
    positions = slice_positions(40, 16)
    assert positions.shape == (40, 16)
    assert (torch.cdist(positions, positions) + 9 * torch.eye(40)).min() > 0.1


def test_unknown_networks_are_refused():
    with pytest.raises(InputError, match="no zone network 'vnet'"):
        build_zone_network({"kind": "vnet"})
    with pytest.raises(InputError, match="cannot be built"):
        build_zone_network({"kind": "cat_net", "colour": 1})
