"""A stand-in for the Slicer application on the pip packages slicer-core and PySide6: real MRML, PythonQt's manners."""
