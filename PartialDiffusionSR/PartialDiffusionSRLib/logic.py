"""The module's logic, for its panel, the Python console and scripts."""

from PartialDiffusionSRLib.parameters import Mode, PartialDiffusionSRParameterNode, optionsOf
from PartialDiffusionSRLib.results import RunResult
from PartialDiffusionSRLib.run import SuperResolutionRun, ZonesRun
from PartialDiffusionSRLib.workerLogic import WorkerLogic
from PartialDiffusionSRLib.workerRun import RunListener
from PartialDiffusionSRLib.zoneModels import ensureLicence
from PartialDiffusionSRLib.zoneNodes import ZoneResult
from pdm_core.pipeline.options import SuperResolutionOptions


class PartialDiffusionSRLogic(WorkerLogic):
    """Restores MR volumes of the scene, and segments the zones of the prostate in them, in a worker process.

    In the Python console::

        logic = slicer.util.getModuleLogic("PartialDiffusionSR")
        result = logic.process(slicer.util.getNode("t2"), factor=2)
        print(result.volume.GetName(), result.provenance["consistency_db"])
        print(logic.segmentZones(result.volume).report["volumes_ml"])
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
        zones: bool = False,
        zoneModel: str = "auto",
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
            zones: segment the zones of the prostate on the result; `result.segmentation` holds them.
            zoneModel: name of the model that does it, or the path of a MONAI bundle; a licence that forbids commercial use
                is printed, unless it was agreed to in the panel.
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
            zoneModel=zoneModel if zones else None,
            hardenTransform=hardenTransform,
            wait=wait,
            listener=listener,
        )

    def segmentZones(
        self,
        inputVolume,
        *,
        zoneModel: str = "auto",
        device: str = "auto",
        hardenTransform: bool = False,
        wait: bool = True,
        listener: RunListener | None = None,
    ) -> ZoneResult | ZonesRun:
        """Segment the zones of the prostate in `inputVolume` as it is.

        Args:
            inputVolume: vtkMRMLScalarVolumeNode; it is not changed.
            zoneModel: see `process`.
            device: where the network runs.
            hardenTransform: follow a linear parent transform of the input; otherwise it is refused.
            wait: return when the work is done, with the application kept alive meanwhile; else at once.
            listener: hears of progress, warnings and the end.

        Returns:
            The nodes of the zones and their report; with `wait=False` the run.

        Raises:
            PdmError: what is wrong (`message`) and what to do (`hint`).
        """
        ensureLicence(zoneModel, interactive=False)
        run = ZonesRun(inputVolume, model=zoneModel, device=device, hardenTransform=hardenTransform, listener=listener)
        return self._begun(run, wait)

    def processParameters(
        self, parameters: PartialDiffusionSRParameterNode, listener: RunListener
    ) -> SuperResolutionRun | ZonesRun:
        """Start what the panel shows."""
        common = {"hardenTransform": parameters.hardenTransform, "wait": False, "listener": listener}
        if parameters.mode is Mode.ZONES:
            names = {"zoneModel": parameters.zoneModel, "device": parameters.device}
            return self.segmentZones(parameters.inputVolume, **names, **common)
        return self.start(
            parameters.inputVolume,
            optionsOf(parameters),
            outputVolume=parameters.outputVolume,
            referenceVolume=parameters.referenceVolume,
            zoneModel=parameters.zoneModel if parameters.zones else None,
            **common,
        )

    def start(
        self,
        inputVolume,
        options: SuperResolutionOptions,
        *,
        outputVolume=None,
        referenceVolume=None,
        zoneModel: str | None = None,
        hardenTransform: bool = False,
        wait: bool = True,
        listener: RunListener | None = None,
    ) -> RunResult | SuperResolutionRun:
        """As `process`, with the options as one record; zones are segmented where a model for them is named."""
        if zoneModel is not None:
            ensureLicence(zoneModel, interactive=False)
        run = SuperResolutionRun(
            inputVolume,
            options,
            outputNode=outputVolume,
            referenceNode=referenceVolume,
            zoneModel=zoneModel,
            hardenTransform=hardenTransform,
            listener=listener,
        )
        return self._begun(run, wait)
