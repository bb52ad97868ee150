"""What Slicer is told once it is up."""

from pathlib import Path

import slicer

_LIBRARY = Path(__file__).resolve().parent
_TERMINOLOGY = _LIBRARY.parent / "Resources" / "PartialDiffusionSR.term.json"


def registerSubjectHierarchyPlugin() -> None:
    """ "Super-resolve..." in the menus of volumes."""
    plugin = slicer.qSlicerSubjectHierarchyScriptedPlugin(None)
    plugin.setPythonSource(str(_LIBRARY / "PartialDiffusionSRSubjectHierarchyPlugin.py"))


def registerTerminology() -> str:
    """The prostate and its zones for the Segment Editor; Slicer's own terminologies lack the zones.

    Returns:
        The name of the terminology's context.
    """
    return slicer.modules.terminologies.logic().LoadTerminologyFromFile(str(_TERMINOLOGY))
