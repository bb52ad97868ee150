"""What a panel says of a run: one line first, the details below, and all of it to copy."""

import platform
import traceback

import qt
import slicer
from slicer.i18n import tr as _

from PartialDiffusionSRLib.timings import inWords
from pdm_core.errors import CancelledError, PdmError

_MOST_CHARACTERS = 100_000
_TROUBLESHOOTING = "https://github.com/PartialDiffusionSR/SlicerPartialDiffusionSR#troubleshooting"


class Report:
    """The status line, the progress bar and the log pane of a panel.

    Args:
        ui: has the widgets `statusLabel`, `progressBar`, `logBox`, and `reportSection` around the log, opened for an error.
    """

    def __init__(self, ui) -> None:
        self._status, self._bar, self._log, self._section = ui.statusLabel, ui.progressBar, ui.logBox, ui.reportSection

    def begin(self, *details: str) -> None:
        """A run starts."""
        self._log.clear()
        self._addAll(details)
        self._bar.setRange(0, 0)
        self.status(_("Starting..."))

    def progress(self, event: dict) -> None:
        """A unit of work is done."""
        self._bar.setRange(0, event["of"])
        self._bar.setValue(event["step"])
        left = "" if event["eta_s"] is None else _(", about {time} left").format(time=inWords(event["eta_s"]))
        line = _("{stage}: {step} of {of}{left}").format(**{**event, "left": left})
        self.status("\n".join(filter(None, (line, event["note"]))))

    def status(self, text: str) -> None:
        """The line, replaced."""
        self._status.text = text

    def warning(self, message: str) -> None:
        """Something the user should know; kept in the details."""
        self._addAll([_("Note: {message}").format(message=message)])

    def finished(self, text: str, *details: str) -> None:
        """A run has ended well."""
        self.status(text)
        self._addAll(details)

    def failed(self, error: PdmError, log: str) -> None:
        """A run has ended without a result: what is wrong and what to do first, the details folded out."""
        self.status("\n".join(filter(None, (error.message, error.hint))))
        cause = error.__cause__
        self._addAll([str(error), log, "" if cause is None else "".join(traceback.format_exception(cause))])
        if not isinstance(error, CancelledError):
            self._addAll([_("More help: {address}").format(address=_TROUBLESHOOTING)])
            self._section.collapsed = False

    def copy(self) -> None:
        """The details and the versions, on the clipboard."""
        version = getattr(slicer.app, "applicationVersion", "")
        head = f"PartialDiffusionSR, Slicer {version}, {platform.platform()}\n{self._status.text}\n\n"
        qt.QApplication.clipboard().setText(head + self._log.plainText)

    def _addAll(self, texts) -> None:
        for text in filter(None, texts):
            if len(self._log.plainText) > _MOST_CHARACTERS:
                self._log.clear()
            self._log.appendPlainText(text)
