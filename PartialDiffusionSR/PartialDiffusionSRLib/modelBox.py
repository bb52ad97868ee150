"""The choice of the model and of the device, with what their cards say."""

from collections.abc import Callable

from slicer.i18n import tr as _

from PartialDiffusionSRLib.parameters import Mode
from PartialDiffusionSRLib.silence import silenced
from pdm_core.errors import PdmError
from pdm_core.zoo import ModelCard, find_models, list_models, list_zone_models

AUTOMATIC = "auto"
# One that every model serves: which models are taken does not depend on it, but isotropic runs need one.
_ANY_FACTOR = 2.0


def installed(listed: Callable[[], list]) -> list:
    """The cards of a list; none where one cannot be read, which the search for a model tells in its turn."""
    try:
        return listed()
    except PdmError:
        return []


def offerModes(box) -> None:
    """Hide the modes that no installed model serves; the items stay, for the binding counts them."""
    there = {card.mode for card in (*installed(list_models), *installed(list_zone_models))}
    for row, mode in enumerate(Mode):
        needed = {Mode.IN_PLANE.value, Mode.THROUGH_PLANE.value} if mode is Mode.ISOTROPIC else {mode.value}
        box.view().setRowHidden(row, not needed <= there)


def fillModels(box, chosen: str, mode: Mode) -> None:
    """The installed models of a mode; `chosen` is selected, also when it is not installed."""
    try:
        automatic = ", ".join(card.name for card in find_models(mode.value, factor=_ANY_FACTOR))
    except PdmError:
        automatic = ""
    cards = [card for card in installed(list_models) if mode is Mode.ISOTROPIC or card.mode == mode.value]
    fill(box, automatic, [(card.name, card.name) for card in cards], chosen)


def servesMode(model: str, mode: Mode) -> bool:
    """Whether a model may stay chosen in a mode: not an installed one of another mode."""
    return mode in (Mode.ISOTROPIC, Mode.ZONES) or all(
        card.mode == mode.value for card in installed(list_models) if card.name == model
    )


def fillDevices(box, devices: list[dict], chosen: str) -> None:
    """The devices that the worker has found; before it was asked, automatic and the CPU."""
    automatic = devices[0]["name"] if devices else ""
    there = devices or [{"name": "cpu", "description": ""}]
    fill(box, automatic, [(describedDevice(device), device["name"]) for device in there], chosen)


def fill(box, automatic: str, entries: list[tuple[str, str]], chosen: str) -> None:
    """Offer the automatic choice and others in a combo box, and select one without telling anybody.

    Args:
        automatic: what the automatic choice takes; empty when that is not known.
        entries: text and data of the others.
        chosen: data of the entry to select.
    """
    with silenced(box):
        box.clear()
        box.addItem(_("automatic ({name})").format(name=automatic) if automatic else _("automatic"), AUTOMATIC)
        for text, data in entries:
            box.addItem(text, data)
    select(box, chosen)


def describedDevice(device: dict) -> str:
    """A device in words, with its free memory."""
    text = ": ".join(filter(None, (device["name"], device["description"])))
    if "free_bytes" in device:
        free, total = device["free_bytes"] / 2**30, device["total_bytes"] / 2**30
        text += _(", {free:.1f} of {total:.1f} GB free").format(free=free, total=total)
    return text


def notesOnDevice(devices: list[dict], chosen: str) -> list[str]:
    """What to know before a run: a fall-back to the CPU, or a device that this machine does not have."""
    names = [device["name"] for device in devices]
    if not names:
        return []
    if chosen == AUTOMATIC and names[0] == "cpu":
        return [_("PyTorch finds no GPU that it can use: the run will take the CPU, which is much slower.")]
    if chosen not in (AUTOMATIC, *names):
        return [_("This machine has no device {name}: choose another.").format(name=chosen)]
    return []


def cardInWords(card: ModelCard) -> str:
    """A card for a tooltip."""
    low, high = card.spacing_mm
    lines = [
        card.title,
        _("Factors {low:g} to {high:g}; {millions:.1f} million parameters; licence {licence}").format(
            low=card.factors[0], high=card.factors[1], millions=card.parameters / 1e6, licence=card.licence
        ),
        _("Trained on {contrasts}, {low:.2f} to {high:.2f} mm").format(
            contrasts=", ".join(card.contrasts), low=low, high=high
        ),
        *card.limits,
    ]
    return "\n".join(lines)


def bridgeInWords(card: ModelCard) -> str:
    """Where on its bridge a model starts, and how it is aligned."""
    bridge = card.bridge
    if "start" not in bridge:
        return _("{kind} (fixed by the model)").format(kind=bridge.get("kind"))
    return _("starts at K = {start} of T = {steps}, alignment {alignment}, rule {rule} (fixed by the model)").format(
        start=bridge.get("start"), steps=bridge.get("steps"), alignment=bridge.get("alignment"), rule=card.sampler["rule"]
    )


def select(box, chosen: str) -> None:
    """Show the entry whose data is `chosen`, telling nobody; where there is none, it is added and said to be missing."""
    with silenced(box):
        index = box.findData(chosen)
        if index < 0:
            box.addItem(_("{name} (not here)").format(name=chosen), chosen)
            index = box.count - 1
        box.setCurrentIndex(index)
