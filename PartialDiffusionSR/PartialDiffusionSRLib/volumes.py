"""Between MRML volumes and arrays: what goes to the worker, and what comes back into the scene."""

from dataclasses import dataclass, field

import numpy as np
import slicer
import vtk
from slicer.i18n import tr as _

from pdm_core.errors import InputError
from pdm_core.volume.slice_axis import array_order, order_with_last, slice_axis

# What the core asks of a volume's source: entry of its metadata to the tag in the headers.
_TAGS = {"slice_thickness_mm": "0018,0050", "modality": "0008,0060", "body_part": "0018,0015", "image_type": "0008,0008"}

_INSTANCES = "DICOM.instanceUIDs"


@dataclass(frozen=True)
class VoxelData:
    """A copy of a volume node's voxels that no later change of the scene can touch.

    Attributes:
        array: `[K, J, I]` in the node's number format.
        ijkToRAS: 4x4, to world coordinates; left-handed matrices are kept.
        facts: what is known of its source, for `pdm_core.Volume.metadata`; more, where its DICOM headers are at hand.
    """

    array: np.ndarray
    ijkToRAS: np.ndarray
    facts: dict = field(default_factory=dict)


def isGrayVolume(node) -> bool:
    """Whether a node is a scalar volume itself; label maps, colors and vectors are kinds of it."""
    return node is not None and node.GetClassName() == "vtkMRMLScalarVolumeNode"


def firstVolume():
    """The scene's first scalar volume, or None."""
    return next(filter(isGrayVolume, slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")), None)


def readVolume(node, hardenTransform: bool = False) -> VoxelData:
    """Copy the voxels of `node` and find its place in the world; the node is not changed.

    Args:
        node: vtkMRMLScalarVolumeNode.
        hardenTransform: follow a linear parent transform into world coordinates instead of refusing it.

    Raises:
        InputError: no image, a label map, a vector image, or a parent transform that cannot be followed.
    """
    if node is None:
        raise InputError(_("No input volume is selected."), _("Select a loaded MR volume."))
    name = node.GetName()
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(_("{name} is a label map.").format(name=name), _("Select an MR volume."))
    image = node.GetImageData()
    if image is None or image.GetNumberOfPoints() == 0 or image.GetPointData().GetScalars() is None:
        raise InputError(_("The volume {name} holds no image.").format(name=name), _("Load its image first."))
    if image.GetNumberOfScalarComponents() != 1:
        raise InputError(_("{name} is a color or vector volume.").format(name=name), _("Select a grayscale volume."))
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    matrix = _toWorld(node, hardenTransform) @ slicer.util.arrayFromVTKMatrix(matrix)
    return VoxelData(np.array(slicer.util.arrayFromVolume(node)), matrix, _facts(node))


def sliceGrid(node) -> tuple[tuple, tuple]:
    """Voxels `(K, J, I)` of a node and their spacing along (i, j, k) in mm, in the order in which a run takes the axes."""
    shape, spacing = node.GetImageData().GetDimensions()[::-1], node.GetSpacing()
    order = order_with_last(slice_axis(spacing, shape))
    return tuple(shape[place] for place in array_order(order)), tuple(spacing[axis] for axis in order)


def writeVolume(node, array: np.ndarray, ijkToRAS: np.ndarray) -> None:
    """Put `array` `[K, J, I]` into `node`, in place in the world; it is no longer what DICOM files may have held."""
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(array, dtype=np.float32))
    node.RemoveAttribute(_INSTANCES)
    node.SetAndObserveTransformNodeID(None)
    node.SetIJKToRASMatrix(slicer.util.vtkMatrixFromArray(np.asarray(ijkToRAS, dtype=float)))


def newVolume(name: str):
    """A new, empty scalar volume with a name that the scene does not have yet."""
    node = slicer.vtkMRMLScalarVolumeNode()
    node.SetName(slicer.mrmlScene.GenerateUniqueName(name))
    return slicer.mrmlScene.AddNode(node)


def _facts(node) -> dict:
    """From the DICOM database, for a volume that was loaded from it: the node knows its name and the slices' distance only."""
    # Slicer names a volume after its series, or else after its file.
    facts = {"node": node.GetName(), "series_description": node.GetName()}
    instances = (node.GetAttribute(_INSTANCES) or "").split()
    database = getattr(slicer, "dicomDatabase", None)
    if instances and database is not None:
        # Several values of an element are parted by backslashes there, and by slashes in the core.
        facts |= {name: database.instanceValue(instances[0], tag).replace("\\", "/") for name, tag in _TAGS.items()}
    try:
        return {**facts, "slice_thickness_mm": float(facts["slice_thickness_mm"])}
    except (KeyError, ValueError):
        return {**facts, "slice_thickness_mm": None}


def _toWorld(node, hardenTransform: bool) -> np.ndarray:
    """The linear parent transform of `node` as a 4x4 matrix."""
    transform = node.GetParentTransformNode()
    if transform is None:
        return np.eye(4)
    names = {"name": node.GetName(), "transform": transform.GetName()}
    if not transform.IsTransformToWorldLinear():
        raise InputError(
            _("{name} lies under the nonlinear transform {transform}.").format(**names),
            _("Harden the transform or take the volume out of it."),
        )
    if not hardenTransform:
        raise InputError(
            _("{name} lies under the transform {transform}.").format(**names),
            _(
                "Harden the transform, take the volume out of it, or tick “Follow a linear transform of the input” under "
                "Advanced (hardenTransform=True in Python)."
            ),
        )
    matrix = vtk.vtkMatrix4x4()
    transform.GetMatrixTransformToWorld(matrix)
    return slicer.util.arrayFromVTKMatrix(matrix)
