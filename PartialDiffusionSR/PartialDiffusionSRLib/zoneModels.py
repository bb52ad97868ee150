"""The models that find zones, and licences that forbid commercial use: shown before the first use, agreed to once."""

from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from pdm_core.errors import InputError
from pdm_core.zoo import ZoneCard, find_zone_model

_GROUP = "PartialDiffusionSR/agreedLicences"


def zoneCard(model: str) -> ZoneCard | None:
    """The card of a zone model; None for a bundle of MONAI given by its path, which has none and of which the worker tells.

    Raises:
        PdmError: there is no such model, or none at all.
    """
    return None if not model.endswith(".json") and Path(model).exists() else find_zone_model(model)


def ensureLicence(model: str, interactive: bool) -> None:
    """Show the licence of a model that is not for commercial use, unless it was agreed to on this machine.

    Args:
        model: see `zoneCard`.
        interactive: ask, and remember that the user has agreed; without it, the licence is printed.

    Raises:
        PdmError: there is no such model, or the user has not agreed.
    """
    card = zoneCard(model)
    if card is None or not card.non_commercial or qt.QSettings().value(_keyOf(card)) == card.licence:
        return
    if not interactive:
        print(licenceInWords(card))
        return
    if not slicer.util.confirmOkCancelDisplay(licenceInWords(card)):
        raise InputError(
            _("The licence of the zone model {name} was not agreed to.").format(name=card.name),
            _("Agree to it, choose another zone model, or leave the zones out."),
        )
    qt.QSettings().setValue(_keyOf(card), card.licence)


def licenceInWords(card: ZoneCard) -> str:
    """What a user must know of a model's licence, and whose data it comes from."""
    lines = [
        _("The zone model {name} is not for commercial use.").format(name=card.name),
        _("Licence: {licence}").format(licence=card.licence),
        *(
            _("Trained on: {data}").format(data=", ".join(filter(None, map(entry.get, ("name", "licence")))))
            for entry in card.data
        ),
    ]
    return "\n".join(lines)


def _keyOf(card: ZoneCard) -> str:
    return f"{_GROUP}/{card.name}"
