"""The module's parameters, saved with the scene. Paths are texts, so that an empty one stays empty."""

from enum import Enum

from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import parameterNodeWrapper

# In `recipe`: that of the recipe file, not a bundled one.
RECIPE_FILE = "file"


class Step(Enum):
    """The way from images to a model."""

    PREPARE = "prepare"
    CONVERGE = "converge"
    TRAIN = "train"
    DISTILL = "distill"

    def label(self) -> str:
        """The text of the combo box."""
        return {
            Step.PREPARE: _("Prepare the images"),
            Step.CONVERGE: _("Recommend K (convergence)"),
            Step.TRAIN: _("Train"),
            Step.DISTILL: _("Distill a trained model"),
        }[self]


@parameterNodeWrapper
class PDMTrainingParameterNode:
    """What the panel shows."""

    step: Step = Step.PREPARE
    source: str = ""
    include: str = ""
    dataset: str = ""
    recipe: str = "fast"
    recipeFile: str = ""
    run: str = ""
    device: str = "auto"
