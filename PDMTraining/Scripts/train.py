"""A training, without a window:

    Slicer --no-splash --no-main-window --python-script train.py --ignore-rest --recipe fast --output RUN --data DATASET

takes all options of `pdm-sr train`; `--source FOLDER` prepares the dataset first. The same line goes on after an
interruption. It ends Slicer itself, also after an error, with the exit code of `pdm-sr`.
"""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("PDMTrainingLib") is None:
    sys.path.append(str(Path(__file__).resolve().parents[1]))

# First, for it finds its sister module.
from PDMTrainingLib.headless import runTraining  # isort: skip
from PartialDiffusionSRLib.headless import endSlicerWith

endSlicerWith("train", lambda: runTraining(sys.argv[1:]))
