"""Where a model's experience ends, as far as the grid of an image tells; needs no torch, so that a panel can say it."""

from __future__ import annotations

from collections.abc import Iterator

from pdm_core.zoo.card import ModelCard


def notes_on_spacing(card: ModelCard, spacing: tuple[float, float, float]) -> Iterator[str]:
    """What to say of slices with these distances between voxels in mm along (i, j, k); nothing when they fit."""
    coarse, what = max(spacing[:2]), "The pixels are {:.2f} mm"
    if card.mode == "through-plane":
        coarse, what = spacing[2], "The slices are {:.2f} mm apart"
    low, high = card.spacing_mm
    if not 0.95 * low <= coarse <= 1.05 * high:
        yield (
            f"{what.format(coarse)}; the model {card.name} was trained on {low:.2f} to {high:.2f} mm: "
            "its detail is less certain here."
        )
    if abs(spacing[0] / spacing[1] - 1.0) > 0.05:
        yield f"The pixels are not square ({spacing[0]:.2f} x {spacing[1]:.2f} mm); the training images were."
