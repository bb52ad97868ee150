"""The module's panel: shows the parameters, starts and cancels runs, tells how they went."""

import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from PartialDiffusionSRLib import modelBox, quality, timings, zoneBox
from PartialDiffusionSRLib.comparison import setOverlayVisible, showComparison, showZones
from PartialDiffusionSRLib.dependencies import ensureDependencies, torchIsThere
from PartialDiffusionSRLib.logic import PartialDiffusionSRLogic
from PartialDiffusionSRLib.parameters import Mode, optionsOf, wantsZones
from PartialDiffusionSRLib.relevance import showRelevant
from PartialDiffusionSRLib.report import Report
from PartialDiffusionSRLib.results import RunResult
from PartialDiffusionSRLib.silence import silenced
from PartialDiffusionSRLib.summaries import expectedInWords, plannedInWords, resultInWords
from PartialDiffusionSRLib.volumes import firstVolume, sliceGrid
from PartialDiffusionSRLib.workerRun import RunListener, toldError
from PartialDiffusionSRLib.zoneModels import ensureLicence, zoneCard
from pdm_core.errors import PdmError
from pdm_core.zoo import find_models
from pdm_core.zoo.card import notes_on_spacing


class PartialDiffusionSRWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel; everything that it can do, `PartialDiffusionSRLogic` can do without it."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameters = None
        self._guiTag = None
        self._mode = None
        self._run = None
        self._devices: list[dict] = []

    def setup(self) -> None:
        """Build the panel; needs no main window, no torch and no network."""
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath("UI/PartialDiffusionSR.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = PartialDiffusionSRLogic()
        self.report = Report(self.ui)
        self._connect()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self._onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self._onSceneEndClose)
        # A loaded scene brings the parameters first and the images of its volumes last.
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self._update)
        slicer.app.connect("aboutToQuit()", self.logic.stopAll)
        self._follow(self.logic.getParameterNode())

    def cleanup(self) -> None:
        """Stop what runs and let go of the scene."""
        self.logic.stopAll()
        self._follow(None)
        self.removeObservers()

    def enter(self) -> None:
        """The module is shown again."""
        if self._parameters is None:
            self._follow(self.logic.getParameterNode())
        # A model may have been added meanwhile.
        self._fillModels()
        self._update()
        if not self._devices and torchIsThere():
            self.logic.queryDevices(self._onDevices)

    def exit(self) -> None:
        """The module is hidden; a run goes on."""

    def setInputVolume(self, node) -> None:
        """Choose the volume to restore."""
        self._parameters.inputVolume = node

    def _connect(self) -> None:
        ui = self.ui
        ui.applyButton.clicked.connect(self._onApply)
        ui.copyButton.clicked.connect(lambda *_args: self.report.copy())
        ui.overlayBox.toggled.connect(setOverlayVisible)
        ui.qualitySlider.maximum = quality.positions() - 1
        ui.qualitySlider.connect("valueChanged(int)", self._onQuality)
        ui.uncertaintyBox.toggled.connect(self._onQuality)
        ui.modelBox.connect("currentIndexChanged(int)", self._onModel)
        ui.zoneModelBox.connect("currentIndexChanged(int)", self._onZoneModel)
        ui.deviceBox.connect("currentIndexChanged(int)", self._onDevice)

    def _follow(self, parameters) -> None:
        """Bind the widgets to a parameter node, or to none."""
        if self._parameters is not None:
            self._parameters.disconnectGui(self._guiTag)
            self.removeObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self._update)
        self._parameters = parameters
        if parameters is None:
            return
        if parameters.inputVolume is None:
            parameters.inputVolume = firstVolume()
        self._mode = parameters.mode
        modelBox.fillDevices(self.ui.deviceBox, self._devices, parameters.device)
        self._guiTag = parameters.connectGui(self.ui)
        self._fillModels()
        self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self._update)
        self._update()

    def _fillModels(self) -> None:
        parameters, ui = self._parameters, self.ui
        modelBox.fillModels(ui.modelBox, parameters.model, parameters.mode)
        zoneBox.fillZoneModels(ui.zoneModelBox, parameters.zoneModel)
        modelBox.offerModes(ui.modeBox)

    def _onQuality(self, *_args) -> None:
        if self._parameters is None:
            return
        steps, samples = quality.settingsAt(self.ui.qualitySlider.value, self.ui.uncertaintyBox.checked)
        if quality.positionOf(self._parameters.steps) != self.ui.qualitySlider.value:
            self._parameters.steps = steps
        if (self._parameters.samples > 1) != self.ui.uncertaintyBox.checked:
            self._parameters.samples = samples

    def _onModel(self, index) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.model = self.ui.modelBox.itemData(index)

    def _onZoneModel(self, index) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.zoneModel = self.ui.zoneModelBox.itemData(index)

    def _onDevice(self, index) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.device = self.ui.deviceBox.itemData(index)

    def _onDevices(self, devices: list) -> None:
        self._devices = devices
        if self._parameters is not None:
            modelBox.fillDevices(self.ui.deviceBox, devices, self._parameters.device)
            self._update()

    def _update(self, caller=None, event=None) -> None:
        """Bring every label in line with the parameters."""
        parameters, ui = self._parameters, self.ui
        if parameters is None:
            return
        showRelevant(ui, parameters)
        self._showChoices()
        running = self._run is not None
        problem = self._problem()
        ui.applyButton.text = _("Cancel") if running else _("Apply")
        ui.applyButton.enabled = running or problem is None
        ui.applyButton.toolTip = _("Stop the run") if running else problem or self._purpose()
        for section in (ui.inputsSection, ui.outputsSection, ui.advancedSection):
            section.enabled = not running
        ui.progressBar.visible = running
        zoneBox.showZones(ui, parameters)
        self._updateCard()

    def _showChoices(self) -> None:
        """Bring what is bound by hand in line, telling nobody: a scene that is loaded changes all parameters at once.

        A model of another task gives way to the automatic one.
        """
        parameters, ui = self._parameters, self.ui
        if self._mode is not parameters.mode:
            self._mode = parameters.mode
            if not modelBox.servesMode(parameters.model, parameters.mode):
                parameters.model = modelBox.AUTOMATIC
            modelBox.fillModels(ui.modelBox, parameters.model, parameters.mode)
        modelBox.select(ui.modelBox, parameters.model)
        modelBox.select(ui.zoneModelBox, parameters.zoneModel)
        modelBox.select(ui.deviceBox, parameters.device)
        position = quality.positionOf(parameters.steps)
        with silenced(ui.qualitySlider, ui.uncertaintyBox):
            ui.qualitySlider.value = position
            ui.uncertaintyBox.checked = parameters.samples > 1
        ui.qualityLabel.text = quality.nameOf(position)

    def _problem(self) -> str | None:
        """Why Apply cannot be pressed, or None."""
        parameters = self._parameters
        if parameters.inputVolume is None:
            return _("Select an input volume.")
        if parameters.inputVolume.GetImageData() is None:
            return _("The input volume holds no image.")
        if parameters.outputVolume is not None and parameters.outputVolume in (
            parameters.inputVolume,
            parameters.referenceVolume,
        ):
            return _("The output volume is an input.")
        try:
            self._cards()
            if parameters.mode is not Mode.ZONES:
                optionsOf(parameters).validate()
            if wantsZones(parameters):
                zoneCard(parameters.zoneModel)
        except PdmError as error:
            return str(error)
        return None

    def _purpose(self) -> str:
        """What Apply is for."""
        return _("Segment the zones") if self._parameters.mode is Mode.ZONES else _("Make the volume sharper")

    def _cards(self) -> tuple:
        """The models that restore, in their order; none where the zones alone are segmented."""
        if self._parameters.mode is Mode.ZONES:
            return ()
        options = optionsOf(self._parameters)
        return find_models(options.mode, options.model, options.factor)

    def _updateCard(self) -> None:
        """What the models' cards have to say of this volume, and how long it will take."""
        ui, parameters = self.ui, self._parameters
        try:
            cards = self._cards()
        except PdmError as error:
            ui.suitabilityLabel.text, ui.bridgeLabel.text, ui.expectedLabel.text = str(error), "", ""
            return
        ui.modelBox.toolTip = "\n\n".join(map(modelBox.cardInWords, cards))
        ui.bridgeLabel.text = "\n".join(map(modelBox.bridgeInWords, cards))
        node, expected = parameters.inputVolume, ""
        notes = modelBox.notesOnDevice(self._devices, parameters.device)
        if node is not None and node.GetImageData() is not None:
            notes += [note for card in cards for note in notes_on_spacing(card, sliceGrid(node)[1])]
            expected = expectedInWords(parameters, cards)
        ui.suitabilityLabel.text = "\n".join(notes)
        ui.suitabilityLabel.visible = bool(notes)
        ui.expectedLabel.text = expected

    def _onApply(self, *_args) -> None:
        if self._run is not None:
            self.report.status(_("Stopping after this step..."))
            self._run.cancel()
            return
        self.report.begin(*plannedInWords(self._parameters))
        listener = RunListener(self.report.progress, self.report.warning, self._onFinished, self._onFailed)
        interactive = slicer.util.mainWindow() is not None
        try:
            ensureDependencies(interactive)
            if interactive and wantsZones(self._parameters):
                ensureLicence(self._parameters.zoneModel, interactive)
            self._run = self.logic.processParameters(self._parameters, listener)
        except Exception as error:
            self._onFailed(toldError(error))
        self._update()

    def _onFinished(self, result) -> None:
        run, self._run = self._run, None
        timings.remember(result.provenance)
        self.report.finished(*resultInWords(result), run.log if run is not None else "")
        self._forgetOverlay()
        if self._parameters is None:
            return
        self._update()
        if self._parameters.showComparison:
            # Not the volume that the panel shows by now: another may have been chosen during the run.
            self._show(run.inputNode, result)

    def _show(self, volume, result) -> None:
        """Arrange the views for a result of `volume`, and offer what can be laid over it."""
        if not isinstance(result, RunResult):
            showZones(volume)
            return
        box = self.ui.overlayBox
        box.text = _("Overlay what was added") if result.uncertainty is None else _("Overlay the uncertainty")
        box.enabled = showComparison(volume, result)

    def _forgetOverlay(self) -> None:
        """Take away what an earlier run has laid over its result: it says nothing of what is shown next."""
        self.ui.overlayBox.checked = self.ui.overlayBox.enabled = False

    def _onFailed(self, error: PdmError) -> None:
        run, self._run = self._run, None
        self.report.failed(error, "" if run is None else run.log)
        self._update()

    def _onSceneStartClose(self, caller, event) -> None:
        self.logic.stopAll()
        self._forgetOverlay()
        self._follow(None)

    def _onSceneEndClose(self, caller, event) -> None:
        self._follow(self.logic.getParameterNode())
