"""The module's logic, for its panel, the Python console and scripts."""

from PartialDiffusionSRLib.parameters import PartialDiffusionSRParameterNode, optionsOf
from PartialDiffusionSRLib.results import RunResult
from PartialDiffusionSRLib.run import SuperResolutionRun
from PartialDiffusionSRLib.workerLogic import WorkerLogic
from PartialDiffusionSRLib.workerRun import RunListener
from pdm_core.pipeline.options import SuperResolutionOptions


class PartialDiffusionSRLogic(WorkerLogic):
    """Restores MR volumes of the scene in a worker process.

    In the Python console::

        logic = slicer.util.getModuleLogic("PartialDiffusionSR")
        result = logic.process(slicer.util.getNode("t2"), factor=2)
        print(result.volume.GetName(), result.provenance["consistency_db"])
    """

    def getParameterNode(self) -> PartialDiffusionSRParameterNode:
        """The module's parameters in this scene."""
        return PartialDiffusionSRParameterNode(super().getParameterNode())

    def process(
        self,
        inputVolume,
        factor: float | None = 2.0,
        *,
        outputVolume=None,
        referenceVolume=None,
        hardenTransform: bool = False,
        wait: bool = True,
        listener: RunListener | None = None,
        **options,
    ) -> RunResult | SuperResolutionRun:
        """Restore `inputVolume`.

        Args:
            inputVolume: vtkMRMLScalarVolumeNode; it is not changed.
            factor: how many times finer the pixels, or with `mode="through-plane"` the slices, become; None lets slices
                become as fine as the pixels.
            outputVolume: volume to fill; a new one by default.
            referenceVolume: volume on the result's grid to measure it against.
            hardenTransform: follow a linear parent transform of the input; otherwise it is refused.
            wait: return when the work is done, with the application kept alive meanwhile; else at once.
            listener: hears of progress, warnings and the end.
            options: others of `pdm_core.SuperResolutionOptions`, such as mode, model, steps, samples, seed, device.

        Returns:
            The result's nodes and its provenance; with `wait=False` the run.

        Raises:
            PdmError: what is wrong (`message`) and what to do (`hint`).
        """
        return self.start(
            inputVolume,
            SuperResolutionOptions.from_dict({"factor": factor, **options}),
            outputVolume=outputVolume,
            referenceVolume=referenceVolume,
            hardenTransform=hardenTransform,
            wait=wait,
            listener=listener,
        )

    def processParameters(self, parameters: PartialDiffusionSRParameterNode, listener: RunListener) -> SuperResolutionRun:
        """Start what the panel shows."""
        return self.start(
            parameters.inputVolume,
            optionsOf(parameters),
            outputVolume=parameters.outputVolume,
            referenceVolume=parameters.referenceVolume,
            hardenTransform=parameters.hardenTransform,
            wait=False,
            listener=listener,
        )

    def start(
        self,
        inputVolume,
        options: SuperResolutionOptions,
        *,
        outputVolume=None,
        referenceVolume=None,
        hardenTransform: bool = False,
        wait: bool = True,
        listener: RunListener | None = None,
    ) -> RunResult | SuperResolutionRun:
        """As `process`, with the options as one record."""
        run = SuperResolutionRun(
            inputVolume,
            options,
            outputNode=outputVolume,
            referenceNode=referenceVolume,
            hardenTransform=hardenTransform,
            listener=listener,
        )
        self._follow(run)
        return self._waitedFor(run) if wait else run
