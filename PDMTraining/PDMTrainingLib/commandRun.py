"""One command of `pdm-sr` on its way in the worker."""

from slicer.i18n import tr as _

from PartialDiffusionSRLib.workerRun import RunListener, WorkerRun
from pdm_core.errors import CancelledError


class CommandRun(WorkerRun):
    """A command in progress; its result is the command's result event.

    Args:
        words: as after `pdm-sr` on a command line.
        listener: hears of progress, warnings and the end.
    """

    def __init__(self, words: list[str], listener: RunListener | None = None) -> None:
        self._words = words
        super().__init__(listener)

    def stop(self) -> None:
        """Stop now, for an application that exits: a few seconds are left to the worker, for it may save its last steps.

        Ended by force it loses the steps since its last checkpoint, no more.
        """
        if not self.ended:
            self._end(error=CancelledError(_("The run was stopped."), _("Start it again to go on.")))

    def _job(self) -> tuple[dict, dict]:
        return {"task": "command", "words": self._words}, {}

    def _resultOf(self, event: dict) -> dict:
        return event
