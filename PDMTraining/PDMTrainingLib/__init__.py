"""The rooms behind the module: actions, run, curves, panel. Importing it finds its sister module also in a source tree."""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("PartialDiffusionSRLib") is None:
    # Installed, both lie in one folder; a developer's Slicer may have only this module's own on its path.
    sys.path.append(str(Path(__file__).resolve().parents[2] / "PartialDiffusionSR"))

# It finds pdm_core in its turn.
import PartialDiffusionSRLib  # noqa: F401
