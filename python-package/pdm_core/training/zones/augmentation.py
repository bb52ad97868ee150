"""Training examples of the zones: windows of a volume, bent, turned, scaled and made to look like other scans."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

Window = tuple[int, int, int]

_TURN = math.radians(15.0)
_SIZE, _ASPECT, _SLICES = 0.25, 0.08, 0.15
# Displacement of a slice against its neighbour, and of the nodes of the elastic field, in pixels.
_LEAN, _BEND = 0.6, 2.5
_NODES = 5


def window_at(
    image: Tensor, labels: Tensor, window: Window, centre: tuple[float, float, float], random: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """A window about a voxel of a volume, its place in the body changed at random; zeros and background lie outside.

    Turned within the slices, scaled along each axis, mirrored from right to left (never from front to back, where no patient
    is alike), leaned from slice to slice and bent within them.

    Args:
        image: (k, j, i).
        labels: (k, j, i), whole numbers.
        window: voxels of the result.
        centre: voxel (k, j, i) that the middle of the window shows.
        random: decides the changes.
    """
    grid = _places(window, centre, random)
    size = torch.tensor(image.shape[::-1], dtype=torch.float32)
    # grid_sample counts from -1 to 1 along (i, j, k).
    grid = grid.flip(-1) * (2.0 / (size - 1).clamp(min=1.0)) - 1.0
    seen = functional.grid_sample(image[None, None], grid[None], "bilinear", "zeros", align_corners=True)[0, 0]
    marked = functional.grid_sample(labels[None, None].float(), grid[None], "nearest", "zeros", align_corners=True)[0, 0]
    return seen, marked.round().to(torch.uint8)


def looking_different(image: Tensor, random: np.random.Generator) -> Tensor:
    """A window (k, j, i), -1 to 1 in the main, as another scanner might show it.

    Contrast, gamma, bias of a coil, blur, thick slices, noise and a narrow field of view, each of them at random.
    """
    unit = ((image + 1.0) / 2.0).clamp(0.0, 2.0) ** math.exp(random.uniform(-0.4, 0.4))
    unit = unit * torch.exp(_smooth_field(image.shape, (2, 3, 3), 0.25, random))
    image = (2.0 * unit - 1.0) * math.exp(random.uniform(-0.25, 0.25)) + random.uniform(-0.2, 0.2)
    if random.random() < 0.3:
        image = _blurred(image, random.uniform(0.4, 1.4))
    if random.random() < 0.2 and len(image) > 2:
        share = random.uniform(0.0, 0.3)
        thick = (1 - 2 * share) * image[1:-1] + share * (image[:-2] + image[2:])
        image = torch.cat((image[:1], thick, image[-1:]))
    if random.random() < 0.5:
        noise = random.standard_normal(image.shape, dtype=np.float32)
        image = image + random.uniform(0.0, 0.12) * torch.from_numpy(noise)
    return _narrowed(image, random) if random.random() < 0.15 else image


def _places(window: Window, centre: tuple[float, float, float], random: np.random.Generator) -> Tensor:
    """Voxel (k, j, i) of the volume that each voxel of the window shows, (K, J, I, 3)."""
    axes = [torch.arange(edge, dtype=torch.float32) - (edge - 1) / 2 for edge in window]
    k, j, i = torch.meshgrid(*axes, indexing="ij")
    bend = [_smooth_field((1, *window[1:]), (1, _NODES, _NODES), _BEND, random) for _ in range(2)]
    lean = random.uniform(-_LEAN, _LEAN, 2)
    j, i = j + bend[0] + lean[0] * k, i + bend[1] + lean[1] * k
    size, aspect = math.exp(random.uniform(-_SIZE, _SIZE)), math.exp(random.uniform(-_ASPECT, _ASPECT))
    turn, mirror = random.uniform(-_TURN, _TURN), 1.0 if random.random() < 0.5 else -1.0
    down, across = size * aspect, mirror * size / aspect
    turned_j = down * (math.cos(turn) * j - math.sin(turn) * i)
    turned_i = across * (math.sin(turn) * j + math.cos(turn) * i)
    k = k * math.exp(random.uniform(-_SLICES, _SLICES))
    return torch.stack((k, turned_j, turned_i), dim=-1) + torch.tensor(centre, dtype=torch.float32)


def _smooth_field(shape: tuple[int, ...], nodes: Window, spread: float, random: np.random.Generator) -> Tensor:
    """Normal numbers at a few nodes, linear between them, (k, j, i)."""
    coarse = torch.from_numpy(random.standard_normal(nodes, dtype=np.float32)) * spread
    return functional.interpolate(coarse[None, None], shape, mode="trilinear", align_corners=True)[0, 0]


def _blurred(image: Tensor, sigma: float) -> Tensor:
    """Gaussian within the slices."""
    offset = torch.arange(-4, 5, dtype=torch.float32)
    bell = torch.exp(-0.5 * (offset / sigma) ** 2)
    bell = (bell / bell.sum()).reshape(1, 1, 1, -1)
    slices = functional.pad(image[:, None], (4, 4, 4, 4), mode="replicate")
    return functional.conv2d(functional.conv2d(slices, bell), bell.transpose(-1, -2))[:, 0]


def _narrowed(image: Tensor, random: np.random.Generator) -> Tensor:
    """Zeros outside of a random box within the slices, of two thirds of their edges at least."""
    inside = torch.zeros_like(image)
    bounds = [(int(random.uniform(0.0, edge / 6)), int(random.uniform(5 * edge / 6, edge))) for edge in image.shape[1:]]
    (top, bottom), (left, right) = bounds
    inside[:, top:bottom, left:right] = 1.0
    return image * inside
