"""Weights to start a run from: random ones, or those of a model in the zoo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from pdm_core.diffusion.denoiser import ResidualSpread
from pdm_core.errors import InputError
from pdm_core.networks import build_network, build_zone_network
from pdm_core.training.pairs import residual_spread
from pdm_core.training.recipe import Recipe
from pdm_core.training.slices import SliceStack
from pdm_core.training.zones.recipe import ZoneRecipe
from pdm_core.zoo import ModelCard, find_model, load_model


def initial_model(recipe: Recipe) -> ModelCard | None:
    """The card of the model that the run starts from, or None."""
    return find_model(recipe.initial) if recipe.initial else None


def initial_network(recipe: Recipe | ZoneRecipe, device: torch.device) -> nn.Module:
    """The recipe's network with the weights that its run starts from.

    Raises:
        InputError: the model to start from has another network.
    """
    torch.manual_seed(recipe.seed)
    if isinstance(recipe, ZoneRecipe):
        return _placed(build_zone_network(recipe.network), device)
    network = build_network(recipe.network)
    card = initial_model(recipe)
    if card is not None:
        try:
            network.load_state_dict(load_model(card).network.state_dict())
        except RuntimeError as error:
            raise InputError(
                f"The run {recipe.name!r} cannot start from the model {card.name}: their networks differ.",
                "Leave network, bridge and parameterization out of the recipe: they are then the model's.",
            ) from error
    return _placed(network, device)


def spread_for(recipe: Recipe, stacks: Sequence[SliceStack]) -> ResidualSpread:
    """s_d of the run: that of the model it starts from, whose weights fit no other, or else that of the data."""
    card = initial_model(recipe)
    return residual_spread(stacks, recipe.factors, recipe.degradation) if card is None else card.residual_std


def _placed(network: nn.Module, device: torch.device) -> nn.Module:
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
