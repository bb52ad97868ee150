"""MONAI's bundle `prostate_mri_anatomy` (Adams et al. 2022), for users who have its weights: a 3-D U-Net on cubes of 0.5 mm.

Its labels are 1 central gland and 2 peripheral zone; here they are the other way round. Only tensors are taken from its files:
nothing that a pickle or a TorchScript archive could run is run.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pdm_core.errors import InputError, MissingDependencyError
from pdm_core.progress import CancelCheck, ProgressCallback
from pdm_core.segmentation.field import ZoneField
from pdm_core.segmentation.resampling import resampled
from pdm_core.segmentation.windows import probabilities_by_windows
from pdm_core.volume.volume import FloatArray, Matrix, Volume
from pdm_core.zoo.weights import file_sha256

_FILES = ("models/model.pt", "model.pt", "models/model.ts", "model.ts")
_SPACING_MM = 0.5
_WINDOW = (96, 96, 96)
# The bundle's own is 0.5; a quarter takes half the time.
_OVERLAP = 0.25
# Training images were 60 % of a field of view of 180 mm, and their grey values were scaled by what was in there.
_CENTRE_MM = 108.0
# The place of background, peripheral zone and transition zone among the bundle's channels.
_CHANNELS = (0, 2, 1)
_WRAPPERS = ("model", "state_dict", "network", "net")


@dataclass(frozen=True)
class MonaiBundle:
    """The bundle's network with a user's weights.

    Attributes:
        path: the file of the weights.
        network: in evaluation mode, float32.
    """

    path: Path
    network: nn.Module
    name = "prostate_mri_anatomy"
    licence = (
        "MONAI model zoo, Apache-2.0 as the bundle's LICENSE says; trained on Prostate158 (doi 10.5281/zenodo.6481141), "
        "whose own terms apply to its data."
    )
    non_commercial = False

    @classmethod
    def of(cls, path: Path) -> MonaiBundle:
        """The bundle in a folder or in a file of weights (`.pt` state dict or TorchScript).

        Raises:
            InputError: there are no weights, they cannot be read safely, or they are those of another network.
        """
        file = _weights_in(path)
        network = bundle_network()
        try:
            network.load_state_dict(_tensors(file))
        except RuntimeError as error:
            raise InputError(
                f"The weights {file} are not those of the MONAI bundle prostate_mri_anatomy: {_first_difference(error)}.",
                "Give its model.pt or model.ts; other bundles have other networks.",
            ) from error
        return cls(file, network.eval())

    @property
    def record(self) -> Mapping[str, Any]:
        """Name and checksum of the weights, and the settings that the bundle leaves open."""
        return {
            "name": self.name,
            "engine": "MONAI bundle, 3-D U-Net",
            "sha256": file_sha256(self.path),
            "window": list(_WINDOW),
            "overlap": _OVERLAP,
        }

    def notes(self, volume: Volume) -> Iterator[str]:
        """See `Segmenter`."""
        slices = max(volume.spacing)
        if not 2.5 <= slices <= 4.0:
            yield f"The slices are {slices:.2f} mm apart; the bundle knows about 3 mm: its zones are less certain here."

    def find(
        self,
        volume: Volume,
        device: torch.device,
        progress: ProgressCallback | None = None,
        cancel: CancelCheck | None = None,
    ) -> ZoneField:
        """See `Segmenter`."""
        matrix, shape = cubes_of(volume)
        image = normalised(resampled(volume.array, volume.ijk_to_ras, shape, matrix))
        # The network's axes are right, anterior, superior: I, J, K.
        tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 1, 0))).to(device)
        self.network.to(device)
        found = probabilities_by_windows(self.network, tensor, _WINDOW, _OVERLAP, progress, cancel)
        return ZoneField(found[list(_CHANNELS)].numpy().transpose(0, 3, 2, 1), matrix)


def bundle_network() -> nn.Module:
    """The network of the bundle, with random weights."""
    try:
        from monai.networks.nets import UNet
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "A MONAI bundle needs the Python package monai, which is not installed.", "Install it: pip install pdm-core[monai]"
        ) from error
    network: nn.Module = UNet(
        spatial_dims=3,
        in_channels=1,
        out_channels=3,
        channels=(16, 32, 64, 128, 256, 512),
        strides=(2, 2, 2, 2, 2),
        num_res_units=4,
        norm="batch",
        act="prelu",
        dropout=0.15,
    )
    return network


def cubes_of(volume: Volume) -> tuple[Matrix, tuple[int, int, int]]:
    """A grid of cubes over the volume whose axes are its own, in the order and direction nearest to right, anterior, superior.

    Returns:
        ijk_to_ras and the shape (K, J, I).
    """
    spacing = np.array(volume.spacing)
    directions = volume.ijk_to_ras[:3, :3] / spacing
    order = _nearest_axes(directions)
    signs = np.sign(directions[range(3), order])
    counts = np.array(volume.shape[::-1])
    corner = np.append(np.where(signs[np.argsort(order)] < 0, counts - 1, 0), 1.0)
    matrix = np.eye(4)
    matrix[:3, :3] = directions[:, order] * signs * _SPACING_MM
    matrix[:3, 3] = (volume.ijk_to_ras @ corner)[:3]
    i, j, k = np.rint((counts - 1) * spacing / _SPACING_MM).astype(int)[order] + 1
    return matrix, (int(k), int(j), int(i))


def normalised(image: FloatArray) -> FloatArray:
    """Mean 0 and standard deviation 1 within what the training images showed of the slices: their centre."""
    half = int(0.5 * _CENTRE_MM / _SPACING_MM)
    rows, columns = (slice(max(0, size // 2 - half), size // 2 + half) for size in image.shape[1:])
    centre = image[:, rows, columns]
    return np.asarray((image - centre.mean()) / max(float(centre.std()), 1e-6), dtype=np.float32)


def _nearest_axes(directions: Matrix) -> list[int]:
    """Which axis of the volume is nearest to right, anterior and superior, each once."""
    order: list[int] = [0, 0, 0]
    closeness = np.abs(directions)
    for _ in range(3):
        world, axis = np.unravel_index(int(closeness.argmax()), closeness.shape)
        order[int(world)] = int(axis)
        closeness[world, :] = closeness[:, axis] = -1.0
    return order


def _weights_in(path: Path) -> Path:
    if path.is_file():
        if _holds(path, "configs/metadata.json"):
            raise InputError(f"{path} is a packed bundle.", "Unpack it, then give the folder.")
        return path
    found = next((path / name for name in _FILES if (path / name).is_file()), None)
    if found is None:
        raise InputError(f"The folder {path} holds no weights of a MONAI bundle.", f"It needs one of: {', '.join(_FILES)}.")
    return found


def _tensors(file: Path) -> dict[str, Tensor]:
    """The weights by name, whatever wraps them."""
    try:
        scripted = _holds(file, "/constants.pkl")
        content = _scripted(file) if scripted else torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".") if str(error).strip() else type(error).__name__
        raise InputError(
            f"The weights {file} cannot be read safely: {reason}.", "Save them again as a plain state dict (torch.save)."
        ) from error
    while isinstance(content, dict) and (inner := next((name for name in _WRAPPERS if name in content), None)):
        content = content[inner]
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise InputError(f"The file {file} holds no weights by name.", "Give the bundle's model.pt or model.ts.")
    return {name.removeprefix("module."): value for name, value in content.items()}


def _scripted(file: Path) -> Any:
    """The tensors of a TorchScript archive; its code stays unused."""
    return torch.jit.load(str(file), map_location="cpu").state_dict()  # type: ignore[no-untyped-call]


def _holds(file: Path, ending: str) -> bool:
    """Whether `file` is a ZIP archive with an entry of that ending."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return any(name.endswith(ending) for name in archive.namelist())


def _first_difference(error: RuntimeError) -> str:
    """The second line of torch's error, which names the first tensors that differ."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)][:160].rstrip(".")
