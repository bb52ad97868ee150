"""Restorations in words, for the report of the panel."""

from slicer.i18n import tr as _

from PartialDiffusionSRLib.parameters import PartialDiffusionSRParameterNode, optionsOf
from PartialDiffusionSRLib.results import RunResult


def plannedInWords(parameters: PartialDiffusionSRParameterNode) -> tuple[str, str]:
    """What a run starts with, a line each."""
    name = parameters.inputVolume.GetName() if parameters.inputVolume is not None else ""
    return (
        _("Input: {name}").format(name=name),
        _("Options: {options}").format(options=optionsOf(parameters).as_dict()),
    )


def resultInWords(result: RunResult) -> tuple[str, str, str]:
    """For the status line, and the details line by line."""
    record = result.provenance
    exact = record["consistency_db"]
    figures = [_("data consistency {db}").format(db=_("exact") if exact is None else f"{exact:.0f} dB")]
    if result.quality is not None:
        figures.append("PSNR {psnr_db:.2f} dB, SSIM {ssim:.4f}".format(**result.quality))
    text = _("{name}: {figures}. Research use, not for diagnosis.")
    line = text.format(name=result.volume.GetName(), figures=", ".join(figures))
    notes = [_("Note: {message}").format(message=message) for message in record["warnings"]]
    return "\n".join([line, *notes]), line, _("{seconds:.1f} s on {device}").format(**record["run"])
