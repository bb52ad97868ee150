"""Many volumes, without a window:

    Slicer --no-splash --no-main-window --python-script super_resolve_batch.py --ignore-rest --input DIR --output DIR

takes all options of `pdm-sr batch`, `--zones` among them; `--database WORDS` instead of `--input` takes MR series of Slicer's
DICOM database.
It ends Slicer itself, also after an error, with the exit code of `pdm-sr`.
"""

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("PartialDiffusionSRLib") is None:
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from PartialDiffusionSRLib.batch import runBatch
from PartialDiffusionSRLib.headless import endSlicerWith

endSlicerWith("super_resolve_batch", lambda: runBatch(sys.argv[1:]))
