"""Many volumes, without a window:

    Slicer --no-splash --no-main-window --python-script super_resolve_batch.py --ignore-rest --input DIR --output DIR

takes all options of `pdm-sr batch`; `--database WORDS` instead of `--input` takes MR series of Slicer's DICOM database.
It ends Slicer itself, also after an error, with the exit code of `pdm-sr`.
"""

import importlib.util
import sys
import traceback
from pathlib import Path

if importlib.util.find_spec("PartialDiffusionSRLib") is None:
    sys.path.append(str(Path(__file__).resolve().parents[1]))

from PartialDiffusionSRLib.batch import exitCodeOf, runBatch

try:
    code = runBatch(sys.argv[1:])
except BaseException as error:
    code = exitCodeOf(error)
    if hasattr(error, "hint"):
        print(f"super_resolve_batch: error: {error}", file=sys.stderr)
    elif not isinstance(error, SystemExit):
        traceback.print_exc()
# Slicer would stay alive after a script, even after one that failed.
sys.exit(code)
