"""Registers the module PDMTraining with Slicer; its work is done in PDMTrainingLib."""

from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import ScriptedLoadableModule

from PDMTrainingLib.logic import PDMTrainingLogic
from PDMTrainingLib.panel import PDMTrainingWidget

__all__ = ["PDMTraining", "PDMTrainingLogic", "PDMTrainingWidget"]


class PDMTraining(ScriptedLoadableModule):
    """The module as Slicer's list of modules shows it."""

    def __init__(self, parent) -> None:
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = _("Partial Diffusion Training")
        parent.categories = [translate("qSlicerAbstractCoreModule", "Super-Resolution")]
        parent.dependencies = ["PartialDiffusionSR"]
        parent.contributors = ["The PartialDiffusionSR developers"]
        parent.helpText = _(
            "Trains a model for Partial Diffusion Super-Resolution on your own volumes: prepares them, recommends where "
            "to start, trains, distills, and adds what has proved itself to the models. "
            "<b>Research use, not for diagnosis.</b>"
        )
        parent.acknowledgementText = _(
            "After Zhao et al., MRI Super-Resolution with Partial Diffusion Models, IEEE Transactions on Medical Imaging."
        )
