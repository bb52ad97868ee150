"""`python -m pdm_core` is `pdm-sr`."""

import sys

from pdm_core.cli.main import main

sys.exit(main())
