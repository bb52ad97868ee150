"""The versions of the installed package and of what its results depend on."""

from __future__ import annotations

import platform
from importlib import metadata


def package_version() -> str:
    """Version of the distribution `pdm-core`, or "source" when the package runs from a bare folder."""
    return _version("pdm-core", "source")


def versions() -> dict[str, str]:
    """What a record of a result names, so that the run can be repeated."""
    return {
        "pdm_core": package_version(),
        "torch": _version("torch", "unknown"),
        "numpy": _version("numpy", "unknown"),
        "python": platform.python_version(),
    }


def _version(distribution: str, otherwise: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return otherwise
