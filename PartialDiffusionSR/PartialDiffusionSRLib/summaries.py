"""Restorations and zones in words, for the report of the panel."""

from slicer.i18n import tr as _

from PartialDiffusionSRLib import timings
from PartialDiffusionSRLib.parameters import Mode, PartialDiffusionSRParameterNode, optionsOf, wantsZones
from PartialDiffusionSRLib.results import RunResult
from PartialDiffusionSRLib.volumes import sliceGrid
from PartialDiffusionSRLib.zoneBox import modelOf
from PartialDiffusionSRLib.zoneNodes import ZoneResult
from pdm_core.segmentation.labels import GLAND, ZONES


def plannedInWords(parameters: PartialDiffusionSRParameterNode) -> list[str]:
    """What a run starts with, a line each."""
    name = parameters.inputVolume.GetName() if parameters.inputVolume is not None else ""
    lines = [_("Input: {name}").format(name=name)]
    if parameters.mode is not Mode.ZONES:
        lines.append(_("Options: {options}").format(options=optionsOf(parameters).as_dict()))
    if wantsZones(parameters):
        lines.append(_("Zones: model {name}").format(name=parameters.zoneModel))
    return lines


def expectedInWords(parameters: PartialDiffusionSRParameterNode, cards: tuple) -> str:
    """How long a run will take by the last ones here, and what of it was not timed yet; empty when nothing is known.

    Args:
        parameters: their input volume holds an image.
        cards: of the models that restore, in their order; none where the zones alone are segmented.
    """
    parts, lines = [], []
    if cards:
        options = optionsOf(parameters)
        parts.append(timings.expectedSeconds(cards, *sliceGrid(parameters.inputVolume), options))
        if options.adapt:
            adapting = timings.expectedAdaptingSeconds(cards[-1].name, options)
            parts += [] if adapting is None else [adapting]
            text = _("Adapting comes on top: {steps} steps, whose time here is known after a first run with it")
            lines += [text.format(steps=options.adapt)] if adapting is None else []
    if wantsZones(parameters):
        parts.append(timings.expectedZonesSeconds(modelOf(parameters), parameters.device))
    if None not in parts:
        lines.insert(0, _("Expected: about {time}, by the last runs here").format(time=timings.inWords(sum(parts))))
    return "\n".join(lines)


def resultInWords(result: RunResult | ZoneResult) -> list[str]:
    """For the status line, and the details line by line."""
    if isinstance(result, ZoneResult):
        lines = [_("{zones}. Research use, not for diagnosis.").format(zones=zonesInWords(result.report))]
        notes, details = _notes(result.report["flags"]), _secondsInWords(result.provenance)
        return ["\n".join([*lines, *notes]), *lines, details]
    record, flags = result.provenance, []
    exact = record["consistency_db"]
    figures = [_("data consistency {db}").format(db=_("exact") if exact is None else f"{exact:.0f} dB")]
    if result.quality is not None:
        figures.append("PSNR {psnr_db:.2f} dB, SSIM {ssim:.4f}".format(**result.quality))
    text = _("{name}: {figures}. Research use, not for diagnosis.")
    lines = [text.format(name=result.volume.GetName(), figures=", ".join(figures))]
    if result.zones is not None:
        lines.append(zonesInWords(result.zones.report))
        flags = result.zones.report["flags"]
    notes = _notes([*record["warnings"], *flags])
    return ["\n".join([*lines, *notes]), *lines, _secondsInWords(record)]


def zonesInWords(report: dict) -> str:
    """The volumes of zones."""
    structures = (*ZONES.values(), GLAND)
    return ", ".join(f"{structure.name} {report['volumes_ml'][structure.key]:.1f} ml" for structure in structures)


def _notes(messages: list[str]) -> list[str]:
    return [_("Note: {message}").format(message=message) for message in messages]


def _secondsInWords(record: dict) -> str:
    return _("{seconds:.1f} s on {device}").format(**record["run"])
