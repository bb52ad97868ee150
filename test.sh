#!/usr/bin/env bash
# All checks: style, types, tests. Arguments go to pytest, e.g. ./test.sh -k kspace
set -euo pipefail
cd "$(dirname "$0")"
. .ci/environment.sh
prepare_environment test python-package/studies
prepare_host
say "ruff"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
say "mypy"
(cd python-package && ../.venv/bin/mypy)
say "pytest"
export PDM_SHARED=${PDM_SHARED:-$PWD/../shared}
exec .venv/bin/python -m pytest -c python-package/pyproject.toml --rootdir . python-package/tests python-package/studies/tests Testing "$@"
