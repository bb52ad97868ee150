"""Which widgets of the panel mean something for the chosen task and sampler; the others are hidden, or cannot be used."""

from slicer.i18n import tr as _

from PartialDiffusionSRLib.parameters import Mode, PartialDiffusionSRParameterNode, Sampler, choosesFactor

# Widgets that mean nothing where the zones alone are segmented.
_OF_RESTORATIONS = (
    "label_Factor", "factorBox", "label_Model", "modelBox", "label_Quality", "qualitySlider", "qualityLabel", "uncertaintyBox",
    "label_Outputvolume", "outputSelector", "label_Referencevolume", "referenceSelector", "overlayBox", "zonesBox",
    "label_Sampler", "samplerBox", "label_Steps", "stepsBox", "label_Samples", "samplesBox", "label_Bridge", "bridgeLabel",
    "label_Times", "gridBox", "label_Renewednoise", "etaBox", "renewBox", "label_Seed", "seedBox", "projectBox", "padBox",
    "label_Staysinplace", "alignBox", "label_Precision", "precisionBox", "label_Slicesatatime",
    "batchBox", "label_StartShare", "startShareBox",
)  # fmt: skip
# Widgets, and their labels, that mean nothing within the slices.
_OF_SLICES = ("Thickness", "Profile", "Matching", "Adapt")


def showRelevant(ui, parameters: PartialDiffusionSRParameterNode) -> None:
    """Hide what is for other tasks, and disable what the other parameters decide."""
    mode = parameters.mode
    for name in _OF_RESTORATIONS:
        getattr(ui, name).visible = mode is not Mode.ZONES
    ui.reachBox.visible = mode is Mode.THROUGH_PLANE
    for name in _OF_SLICES:
        for widget in (getattr(ui, f"label_{name}"), getattr(ui, f"{name.lower()}Box")):
            widget.visible = mode in (Mode.THROUGH_PLANE, Mode.ISOTROPIC)
    ui.factorBox.enabled = not choosesFactor(parameters)
    ui.factorBox.toolTip = {
        Mode.IN_PLANE: _("How many times finer the pixels become"),
        Mode.THROUGH_PLANE: _("How many times finer the slices become"),
    }.get(mode, _("How many times finer the pixels become; the slices then become as fine as they are"))
    ui.gridBox.enabled = parameters.sampler is not Sampler.AUTOMATIC
    ui.renewBox.enabled = parameters.sampler is Sampler.DDIM
    ui.etaBox.enabled = ui.renewBox.enabled and not parameters.renewAllNoise
    ui.gridBox.toolTip = (
        _("Spacing of the times at which the sampler stops")
        if ui.gridBox.enabled
        else _("The automatic sampler brings its own times: choose another sampler to set them.")
    )
