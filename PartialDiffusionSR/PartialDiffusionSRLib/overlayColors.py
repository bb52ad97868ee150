"""Color tables for overlays: black where there is nothing to say, to be added to the image below."""

import slicer
from slicer.i18n import tr as _

_ENTRIES = 256
_GLOW = (1.0, 0.45, 0.0)


def sizeColors():
    """For signed values around zero in the middle: the larger, the brighter, whatever the sign."""
    return _table("PartialDiffusionSRSize", _("Size of what was added"), lambda share: abs(2.0 * share - 1.0))


def spreadColors():
    """For values from zero upwards."""
    return _table("PartialDiffusionSRSpread", _("Spread"), lambda share: share)


def _table(tag: str, name: str, brightness):
    """The scene's one table of this tag; made at its first use."""
    node = slicer.mrmlScene.GetSingletonNode(tag, "vtkMRMLColorTableNode")
    if node is not None:
        return node
    node = slicer.vtkMRMLColorTableNode()
    node.SetSingletonTag(tag)
    node.SetName(name)
    node.SetTypeToUser()
    node.SetNumberOfColors(_ENTRIES)
    for entry in range(_ENTRIES):
        light = brightness(entry / (_ENTRIES - 1))
        node.SetColor(entry, *(light * part for part in _GLOW))
    node.SetNamesFromColors()
    return slicer.mrmlScene.AddNode(node)
