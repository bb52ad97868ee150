"""Weights: safetensors in half precision, checked by their SHA-256 before they are used; never pickles."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pdm_core.atomic import replacing, write_text
from pdm_core.diffusion.denoisers import NetworkDenoiser, build_denoiser, conditioned_on
from pdm_core.errors import InputError, MissingDependencyError
from pdm_core.networks import build_network, build_zone_network
from pdm_core.zoo.card import AnyCard, Card, ModelCard, ZoneCard, read_card
from pdm_core.zoo.catalogue import user_zoo

_SMOKE_SIZE = 48
# bfloat16-free forward passes of different machines and torch versions agree far better than this.
_SMOKE_TOLERANCE = 1e-3


def load_model(card: ModelCard, device: torch.device | str = "cpu") -> NetworkDenoiser:
    """Build the denoiser of `card` with its weights in float32 on `device`.

    Raises:
        MissingDependencyError: the weight file is not there.
        InputError: its checksum or its tensors are not the card's.
    """
    network = _with_weights(build_network(card.network), card)
    return build_denoiser(network, card.bridge, card.parameterization, card.residual_std).to(device).eval()


def load_zone_network(card: ZoneCard, device: torch.device | str = "cpu") -> nn.Module:
    """Build the zone network of `card` with its weights in float32 on `device`; raises as `load_model`."""
    return _with_weights(build_zone_network(card.network), card).to(device).eval()


def verify_model(card: ModelCard | ZoneCard) -> None:
    """Check a model's checksum, tensors and one forward pass against its card; raises `InputError` at a difference."""
    found = smoke_statistics(card)
    for name, value in found.items():
        if abs(value - card.smoke[name]) > _SMOKE_TOLERANCE * max(1.0, abs(card.smoke[name])):
            raise InputError(
                f"The model {card.name} does not compute what its card says: {name} is {value:.6f}, "
                f"expected {card.smoke[name]:.6f}.",
                "Install the package again, or another version of torch.",
            )


@torch.no_grad()
def smoke_statistics(card: ModelCard | ZoneCard) -> dict[str, float]:
    """Mean and spread of what the network makes of a fixed synthetic image."""
    grid = torch.linspace(-1.0, 1.0, _SMOKE_SIZE)
    image = (torch.sin(9 * grid)[:, None] * torch.cos(7 * grid)[None, :])[None, None]
    change = _logits(card, image) if isinstance(card, ZoneCard) else _change(card, image)
    return {"mean": float(change.mean()), "std": float(change.std())}


def _change(card: ModelCard, x_lr: Tensor) -> Tensor:
    """What one estimate at the start of the bridge adds to x_LR (1, 1, H, W), in the denoiser's own channels."""
    denoiser = load_model(card)
    x_lr = denoiser.images.of(x_lr)
    if card.mode == "through-plane":
        denoiser = conditioned_on(denoiser, 1.0)
    noise = torch.sin(1e4 * torch.arange(x_lr.numel())).reshape(x_lr.shape)
    a, b, sigma = denoiser.bridge.at(1.0)
    factor = 2.0 if card.supports(2.0) else card.factors[0]
    return denoiser.mixture((a + b) * x_lr + sigma * noise, x_lr, 0.9, factor) - x_lr


def _logits(card: ZoneCard, image: Tensor) -> Tensor:
    """Logits of three slices, (1, 1, H, W) and its transforms."""
    logits: Tensor = load_zone_network(card)(torch.stack((image, image.flip(-1), image.transpose(-2, -1)), dim=2))
    return logits


def export_model(network: nn.Module, card: AnyCard, folder: Path) -> AnyCard:
    """Write weights in half precision and the completed card to `folder`, each atomically."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{card.name}.safetensors"
    state = _for_a_file(network)
    with replacing(target) as temporary:
        # One entry only: safetensors writes several in any order, and the same weights should have the same checksum.
        temporary.write_bytes(save(state, metadata={"model": f"{card.name} {card.version}"}))
    complete = replace(
        card,
        sha256=file_sha256(target),
        parameters=sum(tensor.numel() for tensor in state.values()),
        weights=target,
    )
    assert isinstance(complete, (ModelCard, ZoneCard))
    complete = replace(complete, smoke=smoke_statistics(complete))
    write_card(complete, target.with_suffix(".json"))
    return complete


def _for_a_file(network: nn.Module) -> dict[str, Tensor]:
    """Weights in half precision; statistics of normalisations as they are, whose range half precision may not hold."""
    weights = {name for name, _ in network.named_parameters()}
    state = network.state_dict().items()
    return {name: (tensor.half() if name in weights else tensor).contiguous() for name, tensor in state}


def write_card(card: Card, path: Path) -> None:
    """Write a card atomically."""
    write_text(path, card.as_json())


def import_model(weights: Path, card_path: Path) -> ModelCard | ZoneCard:
    """Verify a pair of weight file and card, and copy it into the user's zoo.

    Raises:
        InputError: a file is missing, or the pair does not verify.
    """
    for path in (weights, card_path):
        if not path.is_file():
            raise InputError(f"{path} does not exist.", "Give the weight file and then its card.")
    card = replace(read_card(card_path), weights=weights)
    verify_model(card)
    folder = user_zoo()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{card.name}.safetensors"
    with replacing(target) as temporary:
        shutil.copyfile(weights, temporary)
    imported = replace(card, weights=target)
    write_card(imported, target.with_suffix(".json"))
    return imported


def _with_weights(network: nn.Module, card: Card) -> nn.Module:
    """The network with the weights of the card, whose checksum is compared first."""
    if not card.weights.is_file():
        raise MissingDependencyError(f"The weights {card.weights} of the model {card.name} are missing.", "Reinstall it.")
    found = file_sha256(card.weights)
    if found != card.sha256:
        raise InputError(
            f"The weights {card.weights} are not those of the card: SHA-256 {found[:12]}…, expected {card.sha256[:12]}….",
            "Import or install the model again.",
        )
    try:
        network.load_state_dict(load_file(card.weights))
    except RuntimeError as error:
        raise InputError(f"The weights {card.weights} do not fit the network of the card: {error}.") from error
    return network


def file_sha256(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    with path.open("rb") as stream:
        digest = hashlib.sha256()
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()
