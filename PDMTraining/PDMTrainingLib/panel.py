"""The module's panel: shows the parameters, starts and stops commands, draws the curves, tells how it went."""

import shlex

import qt
import slicer
import vtk
from slicer.i18n import tr as _
from slicer.ScriptedLoadableModule import ScriptedLoadableModuleWidget
from slicer.util import VTKObservationMixin

from PartialDiffusionSRLib import modelBox
from PartialDiffusionSRLib.dependencies import torchIsThere
from PartialDiffusionSRLib.report import Report
from PartialDiffusionSRLib.silence import silenced
from PartialDiffusionSRLib.workerRun import RunListener, toldError
from pdm_core.errors import PdmError
from PDMTrainingLib import memory
from PDMTrainingLib.actions import ACTIONS, ADD, Action
from PDMTrainingLib.curves import Curves
from PDMTrainingLib.files import HISTORY, bundledRecipes, pathOf, runState
from PDMTrainingLib.logic import PDMTrainingLogic
from PDMTrainingLib.parameters import RECIPE_FILE
from PDMTrainingLib.requirements import ensureTrainingDependencies

_PATHS = ("source", "dataset", "recipeFile", "run")


class PDMTrainingWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """The panel; everything that it can do, `PDMTrainingLogic` can do without it."""

    def __init__(self, parent=None) -> None:
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self._parameters = None
        self._guiTag = None
        self._run = None
        self._curves = None
        self._devices: list[dict] = []

    def setup(self) -> None:
        """Build the panel; needs no main window, no torch and no network."""
        ScriptedLoadableModuleWidget.setup(self)
        widget = slicer.util.loadUI(self.resourcePath("UI/PDMTraining.ui"))
        self.layout.addWidget(widget)
        self.ui = slicer.util.childWidgetVariables(widget)
        widget.setMRMLScene(slicer.mrmlScene)
        self.logic = PDMTrainingLogic()
        self.report = Report(self.ui)
        self._paths = {name: getattr(self.ui, f"{name}Path") for name in _PATHS}
        self._connect()
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self._onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self._onSceneEndClose)
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
        self._update()
        if not self._devices and torchIsThere():
            self.logic.queryDevices(self._onDevices)

    def exit(self) -> None:
        """The module is hidden; a run goes on."""

    def _connect(self) -> None:
        ui = self.ui
        ui.startButton.clicked.connect(self._onStart)
        ui.addButton.clicked.connect(lambda *_args: self._start(ADD))
        ui.openButton.clicked.connect(self._onOpen)
        ui.curvesButton.clicked.connect(self._onShowCurves)
        ui.copyButton.clicked.connect(lambda *_args: self.report.copy())
        ui.recipeBox.connect("currentIndexChanged(int)", self._onRecipe)
        ui.deviceBox.connect("currentIndexChanged(int)", self._onDevice)
        for widget in self._paths.values():
            # An emptied line is no valid path to the widget, which then tells of its validity only.
            widget.connect("currentPathChanged(QString)", self._onPath)
            widget.connect("validInputChanged(bool)", self._onPath)

    def _follow(self, parameters) -> None:
        """Bind the widgets to a parameter node, or to none."""
        if self._parameters is not None:
            self._parameters.disconnectGui(self._guiTag)
            self.removeObserver(self._parameters, vtk.vtkCommand.ModifiedEvent, self._update)
        self._parameters = parameters
        if parameters is None:
            return
        memory.recall(parameters)
        self._fillRecipes(parameters.recipe)
        modelBox.fillDevices(self.ui.deviceBox, self._devices, parameters.device)
        self._guiTag = parameters.connectGui(self.ui)
        self.addObserver(parameters, vtk.vtkCommand.ModifiedEvent, self._update)
        self._update()

    def _fillRecipes(self, chosen: str) -> None:
        box = self.ui.recipeBox
        with silenced(box):
            box.clear()
            for name in bundledRecipes():
                box.addItem(name, name)
            box.addItem(_("from a file"), RECIPE_FILE)
        modelBox.select(box, chosen)

    def _onRecipe(self, index) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.recipe = self.ui.recipeBox.itemData(index)

    def _onDevice(self, index) -> None:
        if self._parameters is not None and index >= 0:
            self._parameters.device = self.ui.deviceBox.itemData(index)

    def _onDevices(self, devices: list) -> None:
        self._devices = devices
        if self._parameters is not None:
            modelBox.fillDevices(self.ui.deviceBox, devices, self._parameters.device)
            self._update()

    def _onPath(self, *_args) -> None:
        if self._parameters is None:
            return
        for name, widget in self._paths.items():
            if widget.currentPath != getattr(self._parameters, name):
                setattr(self._parameters, name, widget.currentPath)

    def _showChoices(self) -> None:
        """Bring what is bound by hand in line, telling nobody: a scene that is loaded changes all parameters at once."""
        for name, widget in self._paths.items():
            if widget.currentPath != getattr(self._parameters, name):
                with silenced(widget):
                    widget.currentPath = getattr(self._parameters, name)
        modelBox.select(self.ui.recipeBox, self._parameters.recipe)
        modelBox.select(self.ui.deviceBox, self._parameters.device)

    def _update(self, caller=None, event=None) -> None:
        """Bring every label and button in line with the parameters and the files."""
        parameters, ui = self._parameters, self.ui
        if parameters is None:
            return
        self._showChoices()
        running, action = self._run is not None, ACTIONS[parameters.step]
        problem, reason = action.problem(parameters), ADD.problem(parameters)
        ui.startButton.text = _("Stop") if running else _("Start")
        ui.startButton.enabled = running or problem is None
        ui.startButton.toolTip = _("Stop after this step") if running else problem or _("Start in the background")
        ui.addButton.enabled = not running and reason is None
        ui.addButton.toolTip = (
            _("A run is going on.") if running else reason or _("Measure the model on the test split, then offer it")
        )
        for section in (ui.dataSection, ui.trainingSection):
            section.enabled = not running
        ui.stepBox.enabled = not running
        ui.recipeFilePath.enabled = parameters.recipe == RECIPE_FILE
        ui.progressBar.visible = running
        self._updateFiles(action)
        self._updateState(action)

    def _updateFiles(self, action: Action) -> None:
        """What there is to look at."""
        ui, parameters, report = self.ui, self._parameters, action.report(self._parameters)
        there = report is not None and report.is_file()
        ui.openButton.enabled = there
        ui.openButton.toolTip = _("Open {path} in the browser").format(path=report) if there else _("There is no report yet.")
        curves = bool(parameters.run.strip()) and (pathOf(parameters.run) / HISTORY).is_file()
        ui.curvesButton.enabled = curves
        ui.curvesButton.toolTip = _("Show the chart of the run") if curves else _("The run folder holds no curves yet.")

    def _updateState(self, action: Action) -> None:
        """What to know before a training: the device, and how far the run in the run folder is."""
        notes, parameters = [], self._parameters
        if action.trains and self._run is None:
            notes = modelBox.notesOnDevice(self._devices, parameters.device)
            state = runState(pathOf(parameters.run)) if parameters.run.strip() else None
            if state is not None:
                text = (
                    _("{name} is trained: add it to the models.")
                    if state.finished
                    else _("{name} was interrupted at step {step} of {of}: Start goes on.")
                )
                notes.append(text.format(name=state.name, step=state.step, of=state.of))
        self.ui.stateLabel.text = "\n".join(notes)
        self.ui.stateLabel.visible = bool(notes)

    def _onStart(self, *_args) -> None:
        if self._run is not None:
            self.report.status(_("Stopping after this step..."))
            self._run.cancel()
            return
        self._start(ACTIONS[self._parameters.step])

    def _start(self, action: Action) -> None:
        words = action.words(self._parameters)
        memory.remember(self._parameters)
        self._curves = None
        self.report.begin(shlex.join(["pdm-sr", *words]))
        listener = RunListener(self._onProgress, self.report.warning, self._onFinished, self._onFailed)
        try:
            ensureTrainingDependencies(interactive=slicer.util.mainWindow() is not None)
            self._run = self.logic.process(words, wait=False, listener=listener)
            self._curves = Curves(pathOf(self._parameters.run)) if action.trains else None
        except Exception as error:
            self._onFailed(toldError(error))
        self._update()

    def _onProgress(self, event: dict) -> None:
        self.report.progress(event)
        self._drawCurves()

    def _onFinished(self, facts: dict) -> None:
        run, self._run = self._run, None
        self.report.finished(facts["message"], run.log if run is not None else "")
        self._drawCurves()
        self._update()

    def _onFailed(self, error: PdmError) -> None:
        run, self._run = self._run, None
        self.report.failed(error, "" if run is None else run.log)
        self._drawCurves()
        self._update()

    def _drawCurves(self) -> None:
        """Add to the chart what the run has measured since; it comes into view once, when the first point is there."""
        if self._curves is None:
            return
        first = not self._curves.drawn
        if self._curves.refresh():
            if first:
                self._curves.show()
            self._update()

    def _onShowCurves(self, *_args) -> None:
        curves = Curves(pathOf(self._parameters.run))
        curves.refresh()
        curves.show()

    def _onOpen(self, *_args) -> None:
        report = ACTIONS[self._parameters.step].report(self._parameters)
        qt.QDesktopServices.openUrl(qt.QUrl.fromLocalFile(str(report)))

    def _onSceneStartClose(self, caller, event) -> None:
        """A run stops with a checkpoint, followed to its end in the new scene; its curves belong to the old one."""
        self.logic.cancelAll()
        self._curves = None
        self._follow(None)

    def _onSceneEndClose(self, caller, event) -> None:
        self._follow(self.logic.getParameterNode())
