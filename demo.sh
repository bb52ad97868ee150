#!/usr/bin/env bash
# The main job on a real volume: lower its resolution, restore it, show both. Arguments go to `pdm-sr demo`.
set -euo pipefail
cd "$(dirname "$0")"
. .ci/environment.sh
prepare_environment demo
PDM_SHARED=${PDM_SHARED:-$PWD/../shared} exec .venv/bin/pdm-sr demo "$@"
