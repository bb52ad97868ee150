"""Registers the module PartialDiffusionSR with Slicer; its work is done in PartialDiffusionSRLib."""

import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

from PartialDiffusionSRLib.logic import PartialDiffusionSRLogic
from PartialDiffusionSRLib.panel import PartialDiffusionSRWidget

__all__ = ["PartialDiffusionSR", "PartialDiffusionSRLogic", "PartialDiffusionSRWidget"]


class PartialDiffusionSR(ScriptedLoadableModule):
    """The module as Slicer's list of modules shows it."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Partial Diffusion Super-Resolution")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Super-Resolution")]
        parent.dependencies = []
        parent.contributors = ["The PartialDiffusionSR developers"]
        parent.helpText = _(
            "Makes clinical MRI sharper within and between its slices by partial diffusion models, "
            "and segments the zones of the prostate. "
            "What the scanner measured stays as measured; what is added is estimated. "
            "<b>Research use, not for diagnosis.</b>"
        )
        parent.acknowledgementText = _(
            "After Zhao et al., MRI Super-Resolution with Partial Diffusion Models, IEEE Transactions on Medical Imaging."
        )
        slicer.app.connect("startupCompleted()", registerWithApplication)


def registerWithApplication() -> None:
    """Once Slicer is up: the entry in the subject hierarchy's menus, the terms of the prostate's zones, a sample."""
    from PartialDiffusionSRLib import registration

    registration.registerSubjectHierarchyPlugin()
    registration.registerTerminology()
    registration.registerSampleData()
