"""What the panel says of a run: one line first, the details below, and all of it to copy."""

import platform

import qt
import slicer
from slicer.i18n import tr as _

from PartialDiffusionSRLib.parameters import optionsOf
from pdm_core.errors import PdmError

_MOST_CHARACTERS = 100_000
_TROUBLESHOOTING = "https://github.com/PartialDiffusionSR/SlicerPartialDiffusionSR#troubleshooting"


class Report:
    """The status line and the log pane.

    Args:
        statusLabel: QLabel for the line.
        logBox: QPlainTextEdit for the details.
        section: ctkCollapsibleButton around the log pane; opened for an error.
    """

    def __init__(self, statusLabel, logBox, section) -> None:
        self._status, self._log, self._section = statusLabel, logBox, section

    def begin(self, parameters) -> None:
        """A run starts."""
        self._log.clear()
        name = parameters.inputVolume.GetName() if parameters.inputVolume is not None else ""
        self._add(_("Input: {name}").format(name=name))
        self._add(_("Options: {options}").format(options=optionsOf(parameters).as_dict()))
        self.status(_("Starting..."))

    def status(self, text: str) -> None:
        """The line, replaced."""
        self._status.text = text

    def warning(self, message: str) -> None:
        """Something the user should know; kept in the details."""
        self._add(_("Note: {message}").format(message=message))

    def finished(self, result, log: str) -> None:
        """A run has ended well."""
        record = result.provenance
        exact = record["consistency_db"]
        figures = [_("data consistency {db}").format(db=_("exact") if exact is None else f"{exact:.0f} dB")]
        if result.quality is not None:
            figures.append("PSNR {psnr_db:.2f} dB, SSIM {ssim:.4f}".format(**result.quality))
        text = _("{name}: {figures}. Research use, not for diagnosis.")
        line = text.format(name=result.volume.GetName(), figures=", ".join(figures))
        notes = [_("Note: {message}").format(message=message) for message in record["warnings"]]
        self.status("\n".join([line, *notes]))
        self._add(line)
        self._add(_("{seconds:.1f} s on {device}").format(**record["run"]))
        self._add(log)

    def failed(self, error: PdmError, log: str, *, cancelled: bool) -> None:
        """A run has ended without a result: what is wrong and what to do first, the details folded out."""
        self.status("\n".join(filter(None, (error.message, error.hint))))
        self._add(str(error))
        self._add(log)
        if not cancelled:
            self._add(_("More help: {address}").format(address=_TROUBLESHOOTING))
            self._section.collapsed = False

    def copy(self) -> None:
        """The details and the versions, on the clipboard."""
        version = getattr(slicer.app, "applicationVersion", "")
        head = f"PartialDiffusionSR, Slicer {version}, {platform.platform()}\n{self._status.text}\n\n"
        qt.QApplication.clipboard().setText(head + self._log.plainText)

    def _add(self, text: str) -> None:
        if not text:
            return
        if len(self._log.plainText) > _MOST_CHARACTERS:
            self._log.clear()
        self._log.appendPlainText(text)
