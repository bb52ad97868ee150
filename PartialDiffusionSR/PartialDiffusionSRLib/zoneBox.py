"""The choice of zones and of the model that finds them, with its licence."""

from slicer.i18n import tr as _

from PartialDiffusionSRLib.modelBox import fill, installed
from PartialDiffusionSRLib.parameters import PartialDiffusionSRParameterNode, wantsZones
from PartialDiffusionSRLib.zoneModels import zoneCard
from pdm_core.errors import PdmError
from pdm_core.zoo import ZoneCard, find_zone_model, list_zone_models


def fillZoneModels(box, chosen: str) -> None:
    """The installed zone models; `chosen` is selected, also when it is not installed."""
    names = [card.name for card in installed(list_zone_models)]
    fill(box, find_zone_model().name if names else "", [(name, name) for name in names], chosen)


def showZones(ui, parameters: PartialDiffusionSRParameterNode) -> None:
    """Offer the zones where a model is installed, else say why not; show the licence before the model is used."""
    wanted = wantsZones(parameters)
    for widget in (ui.label_Zonemodel, ui.zoneModelBox, ui.licenceLabel):
        widget.visible = wanted
    # What a scene brings along can be taken away also where there is no model.
    ui.zonesBox.enabled = bool(installed(list_zone_models)) or parameters.zones
    try:
        card = zoneCard(parameters.zoneModel)
    except PdmError as error:
        ui.zonesBox.toolTip, ui.licenceLabel.text = str(error), ""
        return
    ui.zonesBox.toolTip = ui.zoneModelBox.toolTip = "" if card is None else zoneCardInWords(card)
    ui.licenceLabel.text = "" if card is None else licenceLine(card)


def modelOf(parameters: PartialDiffusionSRParameterNode) -> str:
    """The name of the model that a run will take."""
    try:
        card = zoneCard(parameters.zoneModel)
    except PdmError:
        card = None
    return parameters.zoneModel if card is None else card.name


def zoneCardInWords(card: ZoneCard) -> str:
    """A zone model's card for a tooltip."""
    lines = [
        card.title,
        _("{millions:.1f} million parameters; licence {licence}").format(millions=card.parameters / 1e6, licence=card.licence),
        *card.limits,
    ]
    return "\n".join(lines)


def licenceLine(card: ZoneCard) -> str:
    """The licence in one line."""
    text = _("Licence: {licence}, not for commercial use") if card.non_commercial else _("Licence: {licence}")
    return text.format(licence=card.licence)
