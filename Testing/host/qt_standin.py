"""PySide6 with PythonQt's manners: properties win over getters, setters stay, misspelt attributes raise."""

import os
import types

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import slicer
from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

application = QtWidgets.QApplication.instance() or QtWidgets.QApplication([])
_flavored, _keep, _being_read = {}, [], set()


class PythonQtManners:
    """Mixed into a widget class: what `PythonQt` does with its attributes."""

    def __getattribute__(self, name):
        if name in ("connect", "disconnect"):
            return _old_style(self, name, super().__getattribute__(name))
        if not name.startswith("_"):
            alias = "objectName" if name == "name" else name
            if (id(self), alias) not in _being_read and QtCore.QObject.metaObject(self).indexOfProperty(alias) >= 0:
                # Where the getter is virtual, Qt asks for it here again: then it wants the method.
                _being_read.add((id(self), alias))
                try:
                    return QtCore.QObject.property(self, alias)
                finally:
                    _being_read.discard((id(self), alias))
        return super().__getattribute__(name)

    def __setattr__(self, name, value):
        if not name.startswith("_"):
            alias = "objectName" if name == "name" else name
            if QtCore.QObject.metaObject(self).indexOfProperty(alias) >= 0:
                QtCore.QObject.setProperty(self, alias, value)
                return
            # The loader itself sets child widgets as attributes.
            if not isinstance(value, QtCore.QObject) and not hasattr(type(self), name):
                raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        super().__setattr__(name, value)

    def className(self):
        return QtCore.QObject.metaObject(self).className()


def _old_style(widget, name, native):
    def bound(*arguments):
        if len(arguments) == 2 and isinstance(arguments[0], str) and not arguments[0][:1].isdigit():
            getattr(getattr(widget, arguments[0].split("(")[0]), name)(arguments[1])
            return True
        return native(*arguments)

    return bound


def flavored(cls):
    if cls not in _flavored:
        _flavored[cls] = type(cls.__name__, (PythonQtManners, cls), {})
    return _flavored[cls]


class _CollapsibleButton(QtWidgets.QGroupBox):
    """ctkCollapsibleButton: a titled section that can be folded."""

    def _set_text(self, text):
        self.setTitle(text)

    def _set_collapsed(self, collapsed):
        """As in CTK, what was hidden before the folding stays hidden after it."""
        self._folded = collapsed
        if collapsed:
            children = self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindDirectChildrenOnly)
            self._away = [*getattr(self, "_away", []), *(child for child in children if not child.isHidden())]
        for child in getattr(self, "_away", []):
            child.setVisible(not collapsed)
        if not collapsed:
            self._away = []

    text = QtCore.Property(str, lambda self: self.title(), _set_text)
    collapsed = QtCore.Property(bool, lambda self: getattr(self, "_folded", False), _set_collapsed)

    def showEvent(self, event):
        # The children came after the property was set.
        self._set_collapsed(getattr(self, "_folded", False))
        super().showEvent(event)


class _PathLineEdit(QtWidgets.QWidget):
    """ctkPathLineEdit: a line for a path with a button to browse.

    As in CTK, an empty line is no valid input: emptied, it tells of its validity only, not of its path.
    """

    currentPathChanged = QtCore.Signal(str)
    validInputChanged = QtCore.Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._line, self._button = QtWidgets.QLineEdit(self), QtWidgets.QToolButton(self)
        self._button.setText("...")
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._line)
        layout.addWidget(self._button)
        self._valid = False
        self._line.textChanged.connect(self._changed)

    def _changed(self, text):
        was, self._valid = self._valid, bool(text)
        if self._valid:
            self.currentPathChanged.emit(text)
        if was != self._valid:
            self.validInputChanged.emit(self._valid)

    def setCurrentPath(self, path):
        self._line.setText(path)

    currentPath = QtCore.Property(str, lambda self: self._line.text(), setCurrentPath)


class _NodeComboBox(QtWidgets.QComboBox):
    """qMRMLNodeComboBox: the scene's nodes of some types; follows the scene."""

    currentNodeChanged = QtCore.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._node_id = None
        self.currentIndexChanged.connect(self._chosen)

    def setMRMLScene(self, scene):
        self._fill()
        for event in (slicer.vtkMRMLScene.NodeAddedEvent, slicer.vtkMRMLScene.NodeRemovedEvent):
            scene.AddObserver(event, lambda *_: self._fill())

    def _types(self):
        types_ = QtCore.QObject.property(self, "nodeTypes") or ["vtkMRMLScalarVolumeNode"]
        return [types_] if isinstance(types_, str) else list(types_)

    def _fill(self):
        self.blockSignals(True)
        self.clear()
        self.addItem(QtCore.QObject.property(self, "noneDisplay") or "None", None)
        for kind in self._types():
            for node in slicer.util.getNodesByClass(kind):
                self.addItem(node.GetName(), node.GetID())
        index = self.findData(self._node_id) if self._node_id else 0
        QtWidgets.QComboBox.setCurrentIndex(self, max(0, index))
        self.blockSignals(False)
        if index < 0:
            self._chosen()

    def _chosen(self, *_):
        new = QtWidgets.QComboBox.currentData(self)
        if new != self._node_id:
            self._node_id = new
            self.currentNodeChanged.emit(self.currentNode())

    def currentNode(self):
        return slicer.mrmlScene.GetNodeByID(self._node_id) if self._node_id else None

    def setCurrentNode(self, node):
        index = 0 if node is None else self.findData(node.GetID())
        QtWidgets.QComboBox.setCurrentIndex(self, max(0, index))


class _MRMLWidget(QtWidgets.QWidget):
    """qMRMLWidget: hands the scene to its node selectors."""

    def setMRMLScene(self, scene):
        for selector in self.findChildren(_NodeComboBox):
            selector.setMRMLScene(scene)


qt, ctk = types.ModuleType("qt"), types.ModuleType("ctk")
for _source in (QtCore, QtGui, QtWidgets):
    for _name in dir(_source):
        _entry = getattr(_source, _name)
        if not _name.startswith("_"):
            _widget = isinstance(_entry, type) and issubclass(_entry, QtWidgets.QWidget) and _entry is not QtWidgets.QWidget
            setattr(qt, _name, flavored(_entry) if _widget else _entry)

_CUSTOM = {
    "ctkCollapsibleButton": _CollapsibleButton, "ctkPathLineEdit": _PathLineEdit, "qMRMLNodeComboBox": _NodeComboBox,
    "qMRMLWidget": _MRMLWidget,
}  # fmt: skip
for _name, _class in _CUSTOM.items():
    _class.__name__ = _name
    _CUSTOM[_name] = flavored(_class)


class _Loader(QtUiTools.QUiLoader):
    def createWidget(self, class_name, parent=None, name=""):
        widget = (_CUSTOM.get(class_name) or getattr(qt, class_name))(parent)
        QtCore.QObject.setObjectName(widget, name)
        _keep.append(widget)
        return widget


def load_ui(path):
    file = QtCore.QFile(str(path))
    file.open(QtCore.QFile.ReadOnly)
    widget = _Loader().load(file)
    assert widget is not None, path
    return widget


def child_widget_variables(widget):
    children = {QtCore.QObject.objectName(widget): widget}
    for child in widget.findChildren(QtWidgets.QWidget):
        name = QtCore.QObject.objectName(child)
        if name and not name.startswith("qt_"):
            children[name] = child
    return types.SimpleNamespace(**children)
