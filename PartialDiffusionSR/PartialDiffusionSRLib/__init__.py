"""The rooms behind the module: run, volumes, parameters, panel. Importing it finds `pdm_core` also in a source tree."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("pdm_core") is None:
    # Installed, pdm_core lies beside this package; a developer's Slicer has only the module's own folder on its path.
    sys.path.append(str(Path(__file__).resolve().parents[2] / "python-package"))
