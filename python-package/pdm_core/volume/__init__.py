"""Volumes: the image type of the package, and reading and writing it (knows nothing of torch)."""

from pdm_core.volume.read import read_volume
from pdm_core.volume.volume import Volume
from pdm_core.volume.write import write_volume

__all__ = ["Volume", "read_volume", "write_volume"]
