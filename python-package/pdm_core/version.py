"""The version of the installed package."""

from __future__ import annotations

from importlib import metadata


def package_version() -> str:
    """Version of the distribution `pdm-core`, or "source" when the package runs from a bare folder."""
    try:
        return metadata.version("pdm-core")
    except metadata.PackageNotFoundError:
        return "source"
