"""A through-plane model fine-tuned on one study: its own in-plane rows show what its slices lack, as in SMORE (SCIENCE §3)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from pdm_core.degradation.profile import SliceOperator
from pdm_core.diffusion.denoisers import NetworkDenoiser, build_denoiser
from pdm_core.errors import PdmError
from pdm_core.progress import Progress
from pdm_core.training.batches import draw_batch
from pdm_core.training.checkpoint import TrainingState
from pdm_core.training.degradations import SliceDegradation
from pdm_core.training.loss import denoising_loss
from pdm_core.training.pairs import PairSampler
from pdm_core.training.recipe import Recipe
from pdm_core.training.slices import SliceStack
from pdm_core.training.step import Stepper
from pdm_core.training.team import Team
from pdm_core.volume.volume import FloatArray
from pdm_core.zoo import ModelCard

_CROP, _BATCH = 64, 8
# A tenth of the rate of the training: the model shall lean towards the study, not forget the others.
_LEARNING_RATE = 1.5e-4
_WARMUP_SHARE, _LOSS_SHARE = 0.1, 0.1


@dataclass(frozen=True)
class OwnRows:
    """A study as training data.

    Attributes:
        slices: float32 (K, J, I) in the network's range.
        operator: what its slices have measured: factor, profile and alignment of the pairs.
        coarser: new distance of the slices over that of the pixels; where it exceeds 1, rows are first made as coarse.
    """

    slices: FloatArray
    operator: SliceOperator
    coarser: float

    def sampler(self) -> PairSampler:
        """Pairs as the study's own slices would make them of its rows and columns."""
        profile, factor = self.operator.profile, self.operator.factor
        degradation = SliceDegradation(
            thickness=(profile.thickness, profile.thickness),
            kinds=(profile.kind,),
            aligns=(self.operator.align,),
            coarser=(max(1.0, self.coarser), max(1.0, self.coarser)),
            coarser_share=1.0,
        )
        stack = SliceStack("the study", torch.from_numpy(self.slices), tuple(range(len(self.slices))))
        return PairSampler([stack], (factor, factor), _CROP, 0.0, degradation)


def adapted(
    card: ModelCard,
    denoiser: NetworkDenoiser,
    rows: OwnRows,
    steps: int,
    seed: int,
    device: torch.device,
    dtype: torch.dtype,
    meter: Progress,
    warn: Callable[[str], None],
) -> tuple[NetworkDenoiser, dict[str, Any]]:
    """Fine-tune `denoiser` on a study's own rows; what it was given is not changed.

    Args:
        card: of the model.
        denoiser: the model, on `device`.
        rows: the study.
        steps: of the optimiser, eight crops each.
        seed: decides crops, times and noise.
        device: where the work is done.
        dtype: that the network computes in; its weights stay float32.
        meter: counts the steps; may raise to cancel.
        warn: hears of a batch that had to be cut.

    Returns:
        The moving average of the weights as a denoiser, and the JSON-able record of how it came about.

    Raises:
        PdmError: the loss became NaN.
        CancelledError: the caller asked to stop.
    """
    recipe = _recipe(card, rows.operator, steps, seed, dtype)
    network = deepcopy(denoiser.network)
    state = TrainingState(
        network, deepcopy(network).requires_grad_(False), torch.optim.Adam(network.parameters(), lr=recipe.learning_rate)
    )
    trained, average = (
        build_denoiser(weights, card.bridge, card.parameterization, card.residual_std)
        for weights in (state.network, state.average)
    )
    trained.precision = recipe.precision
    stepper = Stepper(
        recipe,
        state,
        lambda batch: denoising_loss(trained, batch.pairs, batch.times, batch.noise, recipe.loss),
        Team(0, 1, device),
        warn,
    )
    sampler = rows.sampler()
    for step in range(steps):
        stepper.step(draw_batch(sampler, recipe, step, 0, 1))
        meter.advance()
    return average.eval(), _record(recipe, state)


def _recipe(card: ModelCard, operator: SliceOperator, steps: int, seed: int, dtype: torch.dtype) -> Recipe:
    thickness = operator.profile.thickness
    return Recipe(
        name=f"{card.name}, adapted",
        network=card.network,
        bridge=card.bridge,
        parameterization=card.parameterization,
        mode=card.mode,
        factors=(operator.factor, operator.factor),
        thickness=(thickness, thickness),
        crop=_CROP,
        batch=_BATCH,
        iterations=steps,
        learning_rate=_LEARNING_RATE,
        warmup=round(_WARMUP_SHARE * steps),
        ema=0.99,
        start_share=0.5,
        seed=seed,
        precision=str(dtype).removeprefix("torch."),
    )


def _record(recipe: Recipe, state: TrainingState) -> dict[str, Any]:
    losses = torch.stack([loss.cpu() for loss in state.losses])
    if not losses.isfinite().all():
        raise PdmError("The model cannot be adapted to this study: the loss became NaN.", "Run without adapting.")
    few = max(1, round(_LOSS_SHARE * len(losses)))
    return {
        "data": "the study's own rows and columns",
        "steps": recipe.iterations,
        "crops_a_step": recipe.batch,
        "crop": recipe.crop,
        "learning_rate": recipe.learning_rate,
        "seed": recipe.seed,
        "loss_first": float(losses[:few].mean()),
        "loss_last": float(losses[-few:].mean()),
        "weights_sha256": _weights_sha256(state.average),
    }


def _weights_sha256(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
