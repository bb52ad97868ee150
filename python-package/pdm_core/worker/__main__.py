"""`python -m pdm_core.worker JOB.json`."""

import sys

from pdm_core.worker.jobs import main

sys.exit(main())
