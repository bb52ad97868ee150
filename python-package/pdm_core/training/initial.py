"""Weights to start a run from: random ones, or those of a model in the zoo."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from pdm_core.diffusion.denoisers import ResidualSpread
from pdm_core.errors import InputError
from pdm_core.networks import build_network, build_zone_network
from pdm_core.training.pairs import residual_spread
from pdm_core.training.recipe import Recipe
from pdm_core.training.slices import SliceStack
from pdm_core.training.zones.recipe import ZoneRecipe
from pdm_core.zoo import ModelCard, ZoneCard, find_model, find_zone_model, load_model, load_zone_network


def initial_model(recipe: Recipe | ZoneRecipe) -> ModelCard | ZoneCard | None:
    """The card of the model that the run starts from, or None."""
    if not recipe.initial:
        return None
    return find_zone_model(recipe.initial) if isinstance(recipe, ZoneRecipe) else find_model(recipe.initial)


def initial_network(recipe: Recipe | ZoneRecipe, device: torch.device) -> nn.Module:
    """The recipe's network with the weights that its run starts from.

    Raises:
        InputError: the model to start from has another network.
    """
    torch.manual_seed(recipe.seed)
    zones = isinstance(recipe, ZoneRecipe)
    network: nn.Module = build_zone_network(recipe.network) if zones else build_network(recipe.network)
    card = initial_model(recipe)
    if card is not None:
        known = load_zone_network(card) if isinstance(card, ZoneCard) else load_model(card).network
        try:
            network.load_state_dict(known.state_dict())
        except RuntimeError as error:
            raise InputError(
                f"The run {recipe.name!r} cannot start from the model {card.name}: their networks differ.",
                "Leave network, bridge and parameterization out of the recipe: they are then the model's.",
            ) from error
    return network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def spread_for(recipe: Recipe, stacks: Sequence[SliceStack]) -> ResidualSpread:
    """s_d of the run: that of the model it starts from, whose weights fit no other, or else that of the data."""
    card = initial_model(recipe)
    if not isinstance(card, ModelCard):
        return residual_spread(stacks, recipe.factors, recipe.loss_of_resolution)
    return card.residual_std
