"""MRI super-resolution with partial diffusion models: the computing behind the extension, without Slicer.

Names are imported at their first use: `import pdm_core` itself needs neither torch nor SimpleITK.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pdm_core.errors import CancelledError, InputError, MissingDependencyError, PdmError
from pdm_core.pipeline.options import SuperResolutionOptions

if TYPE_CHECKING:
    from pdm_core.pipeline.dicom_outputs import write_dicom
    from pdm_core.pipeline.super_resolution import SuperResolutionResult, super_resolve
    from pdm_core.segmentation.zones import segment_zones
    from pdm_core.volume import Volume, read_volume, write_volume
    from pdm_core.zoo import find_model, list_models

_HOMES = {
    "SuperResolutionResult": "pdm_core.pipeline.super_resolution",
    "Volume": "pdm_core.volume",
    "find_model": "pdm_core.zoo",
    "list_models": "pdm_core.zoo",
    "read_volume": "pdm_core.volume",
    "segment_zones": "pdm_core.segmentation.zones",
    "super_resolve": "pdm_core.pipeline.super_resolution",
    "write_dicom": "pdm_core.pipeline.dicom_outputs",
    "write_volume": "pdm_core.volume",
}

__all__ = [
    "CancelledError",
    "InputError",
    "MissingDependencyError",
    "PdmError",
    "SuperResolutionOptions",
    "SuperResolutionResult",
    "Volume",
    "__version__",
    "find_model",
    "list_models",
    "read_volume",
    "segment_zones",
    "super_resolve",
    "write_dicom",
    "write_volume",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home."""
    if name == "__version__":
        from pdm_core.version import package_version

        return package_version()
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
