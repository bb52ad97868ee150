"""The curves of a run as nodes of the scene: a table of its validations, a series for each curve, and their chart."""

from pathlib import Path

import slicer
import vtk
from slicer.i18n import tr as _

from PDMTrainingLib.files import HISTORY, history

_ATTRIBUTE = "PDMTraining.run"
_STEP, _LOSS, _GAIN, _DICE = "step", "loss", "psnr_gain_", "dice_"


class Curves:
    """Keeps a run's nodes in line with its history; nodes that are there already, as in a saved scene, are used again.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stamp: int | None = None

    @property
    def drawn(self) -> bool:
        """Whether there is a point yet."""
        return self._stamp is not None

    def refresh(self) -> bool:
        """Bring the nodes in line with the history; True when there was something new in it."""
        try:
            stamp = (self._folder / HISTORY).stat().st_mtime_ns
        except OSError:
            return False
        records = [] if stamp == self._stamp else history(self._folder)
        if not records:
            return False
        self._stamp = stamp
        table = self._node("vtkMRMLTableNode", self._folder.name)
        table.SetAndObserveTable(_tableOf(records))
        for column in records[-1]:
            if column == _LOSS or column.startswith((_GAIN, _DICE)):
                self._plot(table, column)
        return True

    def show(self) -> None:
        """Show the chart, where there are views."""
        if slicer.app.layoutManager() is not None:
            slicer.modules.plots.logic().ShowChartInLayout(self._chart())

    def _chart(self):
        chart = self._node("vtkMRMLPlotChartNode", _("Training of {name}").format(name=self._folder.name))
        chart.SetTitle(chart.GetName())
        chart.SetXAxisTitle(_("step"))
        chart.SetYAxisTitle(_("loss; gain over interpolation in dB, or Dice coefficient"))
        return chart

    def _plot(self, table, column: str) -> None:
        """The series of a column, made when it is not there yet."""
        chart, kind = self._chart(), slicer.vtkMRMLPlotSeriesNode
        known = [chart.GetNthPlotSeriesNode(index) for index in range(chart.GetNumberOfPlotSeriesNodes())]
        if any(series is not None and series.GetYColumnName() == column for series in known):
            return
        series = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", _nameOf(column))
        series.SetAndObserveTableNodeID(table.GetID())
        series.SetXColumnName(_STEP)
        series.SetYColumnName(column)
        series.SetPlotType(kind.PlotTypeScatter)
        series.SetMarkerStyle(kind.MarkerStyleCircle)
        series.SetUniqueColor()
        chart.AddAndObservePlotSeriesNodeID(series.GetID())

    def _node(self, kind: str, name: str):
        """The run's node of a class, by the run's folder that is written on it."""
        for node in slicer.util.getNodesByClass(kind):
            if node.GetAttribute(_ATTRIBUTE) == str(self._folder):
                return node
        node = slicer.mrmlScene.AddNewNodeByClass(kind, name)
        node.SetAttribute(_ATTRIBUTE, str(self._folder))
        return node


def _nameOf(column: str) -> str:
    """What a curve is called in the chart's legend."""
    if column.startswith(_GAIN):
        return _("gain {factor}, dB").format(factor=column.removeprefix(_GAIN))
    structures = {"dice_pz": _("peripheral zone"), "dice_tz": _("transition zone"), "dice_gland": _("gland")}
    return _("Dice, {structure}").format(structure=structures[column]) if column in structures else column


def _tableOf(records: list[dict]) -> vtk.vtkTable:
    """One row a validation, one column a figure."""
    table = vtk.vtkTable()
    for column in records[-1]:
        values = vtk.vtkDoubleArray()
        values.SetName(column)
        for record in records:
            values.InsertNextValue(record.get(column, float("nan")))
        table.AddColumn(values)
    return table
