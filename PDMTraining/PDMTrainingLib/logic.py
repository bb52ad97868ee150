"""The module's logic, for its panel, the Python console and scripts."""

from PartialDiffusionSRLib.workerLogic import WorkerLogic
from PartialDiffusionSRLib.workerRun import RunListener
from PDMTrainingLib.commandRun import CommandRun
from PDMTrainingLib.parameters import PDMTrainingParameterNode


class PDMTrainingLogic(WorkerLogic):
    """Runs commands of `pdm-sr` in a worker process.

    In the Python console::

        logic = slicer.util.getModuleLogic("PDMTraining")
        logic.process(["prepare", "/data/studies", "-o", "/data/dataset", "--include", "t2"])
        logic.process(["train", "fast", "-o", "/data/run", "--data", "/data/dataset"])
    """

    def getParameterNode(self) -> PDMTrainingParameterNode:
        """The module's parameters in this scene."""
        return PDMTrainingParameterNode(super().getParameterNode())

    def process(self, words: list[str], *, wait: bool = True, listener: RunListener | None = None) -> dict | CommandRun:
        """Run a command.

        Args:
            words: as after `pdm-sr` on a command line.
            wait: return when the work is done, with the application kept alive meanwhile; else at once.
            listener: hears of progress, warnings and the end.

        Returns:
            The facts that the command gives, among them its `message`; with `wait=False` the run.

        Raises:
            PdmError: what is wrong (`message`) and what to do (`hint`).
        """
        run = CommandRun([str(word) for word in words], listener)
        return self._begun(run, wait)
