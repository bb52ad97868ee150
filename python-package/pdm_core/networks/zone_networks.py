"""The networks that find zones, by the names that cards and recipes give them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from pdm_core.errors import InputError
from pdm_core.networks.cat_net import CATNet
from pdm_core.networks.zonal_unet import ZonalUNet

ZONE_NETWORKS: dict[str, Callable[..., nn.Module]] = {"zonal_unet": ZonalUNet, "cat_net": CATNet}


def build_zone_network(config: Mapping[str, Any]) -> nn.Module:
    """Make the network that `config` describes; it maps volumes (N, 1, K, J, I) to logits (N, 3, K, J, I).

    Args:
        config: `{"kind": name, **arguments}` with keyword arguments of the network's class.

    Raises:
        InputError: the kind or an argument is unknown.
    """
    arguments = dict(config)
    kind = arguments.pop("kind", None)
    if kind not in ZONE_NETWORKS:
        raise InputError(f"There is no zone network {kind!r}.", f"Choose one of: {', '.join(ZONE_NETWORKS)}.")
    try:
        return ZONE_NETWORKS[kind](**arguments)
    except TypeError as error:
        raise InputError(f"The zone network {dict(config)} cannot be built: {error}.") from error
