"""`slicer.parameterNodeWrapper`, as far as our module uses it: typed parameters in a scripted module node, bound to widgets.

It follows the documented behavior, checked in Slicer 5.10: exact widget types, enums by name, bounded floats.
"""

import types
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import slicer
import vtk

module = types.ModuleType("slicer.parameterNodeWrapper")


@dataclass(frozen=True)
class WithinRange:
    minimum: float
    maximum: float

    def check(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"Value must be within range [{self.minimum}, {self.maximum}], is {value}")


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: type
    bounds: WithinRange | None
    default: Any

    @property
    def is_node(self):
        return issubclass(self.kind, slicer.vtkMRMLNode)

    def read(self, node):
        if self.is_node:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        if not text:
            return self.default
        if issubclass(self.kind, Enum):
            return self.kind[text]
        return text == "True" if self.kind is bool else self.kind(text)

    def write(self, node, value):
        if self.is_node:
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
            return
        if not isinstance(value, self.kind) and not (self.kind is float and isinstance(value, int)):
            raise TypeError(f"{self.name} must be {self.kind.__name__}, is {value!r}")
        if self.bounds:
            self.bounds.check(value)
        node.SetParameter(self.name, value.name if isinstance(value, Enum) else str(value))


def parameterNodeWrapper(cls):
    parameters = {}
    for name, hint in get_type_hints(cls, include_extras=True).items():
        kind, bounds = (hint, None) if get_origin(hint) is not Annotated else (get_args(hint)[0], get_args(hint)[1])
        parameters[name] = Parameter(name, kind, bounds, getattr(cls, name, None))

    def property_of(parameter):
        return property(
            lambda self: parameter.read(self.parameterNode), lambda self, value: parameter.write(self.parameterNode, value)
        )

    members = {name: property_of(parameter) for name, parameter in parameters.items()}
    members |= {"__doc__": cls.__doc__, "allParameters": parameters}
    return type(cls.__name__, (_ParameterNode,), members)


class _ParameterNode:
    def __init__(self, node):
        object.__setattr__(self, "parameterNode", node)
        object.__setattr__(self, "_bindings", {})

    def __setattr__(self, name, value):
        if name not in type(self).allParameters:
            raise AttributeError(f"there is no parameter {name}")
        object.__setattr__(self, name, value)

    def AddObserver(self, event, callback, priority=0.0):
        return self.parameterNode.AddObserver(event, callback, priority)

    def RemoveObserver(self, tag):
        self.parameterNode.RemoveObserver(tag)

    def connectGui(self, ui):
        widgets = {}
        for widget in vars(ui).values():
            name = widget.property("SlicerParameterName")
            if name:
                assert name in self.allParameters, f"widget {widget.name} names the unknown parameter {name}"
                assert name not in widgets, f"two widgets are bound to {name}"
                widgets[name] = widget
        bindings = [_Binding(self, self.allParameters[name], widget) for name, widget in widgets.items()]
        tag = self.parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: [item.show() for item in bindings])
        self._bindings[tag] = bindings
        for binding in bindings:
            binding.show()
        return tag

    def disconnectGui(self, tag):
        self.parameterNode.RemoveObserver(tag)
        for binding in self._bindings.pop(tag):
            binding.active = False


class _Binding:
    """One parameter and its widget; the widget's exact class decides, as in Slicer."""

    _SIGNALS = {
        "QCheckBox": ("toggled", bool), "QSpinBox": ("valueChanged", int), "QDoubleSpinBox": ("valueChanged", float),
        "QComboBox": ("currentIndexChanged", Enum), "QLineEdit": ("textChanged", str),
        "qMRMLNodeComboBox": ("currentNodeChanged", None),
    }  # fmt: skip

    def __init__(self, owner, parameter, widget):
        self.owner, self.parameter, self.widget, self.active = owner, parameter, widget, True
        self.kind = type(widget).__name__
        signal, fits = self._SIGNALS[self.kind]
        assert parameter.is_node if fits is None else issubclass(parameter.kind, fits), (parameter.name, self.kind)
        if parameter.bounds:
            widget.minimum, widget.maximum = parameter.bounds.minimum, parameter.bounds.maximum
        elif parameter.kind is float:
            raise RuntimeError(f"{parameter.name}: an unbounded float cannot be bound")
        if self.kind == "QComboBox":
            widget.clear()
            widget.addItems([getattr(member, "label", lambda member=member: member.name)() for member in parameter.kind])
        getattr(widget, signal).connect(self.take)

    def show(self):
        value = getattr(self.owner, self.parameter.name)
        if self.kind == "qMRMLNodeComboBox":
            self.widget.setCurrentNode(value)
        elif self.kind == "QComboBox":
            self.widget.setCurrentIndex(list(self.parameter.kind).index(value))
        elif self.kind == "QCheckBox":
            self.widget.setChecked(value)
        elif self.kind == "QLineEdit":
            self.widget.setText(value)
        else:
            self.widget.setValue(value)

    def take(self, *_):
        if not self.active:
            return
        if self.kind == "qMRMLNodeComboBox":
            value = self.widget.currentNode()
        elif self.kind == "QComboBox":
            if self.widget.currentIndex < 0:
                return
            value = list(self.parameter.kind)[self.widget.currentIndex]
        else:
            value = {"QCheckBox": "checked", "QLineEdit": "text"}.get(self.kind, "value")
            value = getattr(self.widget, value)
        if value != getattr(self.owner, self.parameter.name):
            setattr(self.owner, self.parameter.name, value)


module.parameterNodeWrapper = parameterNodeWrapper
module.WithinRange = WithinRange
