"""What Slicer is told once it is up."""

from pathlib import Path

import slicer

_LIBRARY = Path(__file__).resolve().parent
_TERMINOLOGY = _LIBRARY.parent / "Resources" / "PartialDiffusionSR.term.json"
# Fedorov et al., Open-source image registration for MRI-TRUS fusion-guided prostate interventions, doi:10.5281/zenodo.16396.
_SAMPLE_SHA256 = "4843cdc9ea5d7bcce61650d1492ce01035727c892019339dca726380496896aa"


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


def registerSampleData() -> None:
    """A real prostate T2 in Slicer's module Sample Data; the address and the checksum are Slicer's own."""
    try:
        import SampleData
    except ModuleNotFoundError:
        # An application that was built on Slicer may lack the module.
        return
    SampleData.SampleDataLogic.registerCustomSampleDataSource(
        category="PartialDiffusionSR",
        sampleName="PartialDiffusionSRProstate",
        uris=f"https://github.com/Slicer/SlicerTestingData/releases/download/SHA256/{_SAMPLE_SHA256}",
        fileNames="Case10-MR.nrrd",
        nodeNames="ProstateT2",
        checksums=f"SHA256:{_SAMPLE_SHA256}",
    )
