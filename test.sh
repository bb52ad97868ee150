#!/usr/bin/env bash
# All checks: style, types, tests. Arguments go to pytest, e.g. ./test.sh -k kspace; without any, the tests of reading and
# writing run once more with the oldest versions of what the package needs.
set -euo pipefail
cd "$(dirname "$0")"
. .ci/environment.sh
prepare_environment test python-package/studies
prepare_host
prepare_readers
say "ruff"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
say "mypy"
(cd python-package && ../.venv/bin/mypy)
say "pytest"
export PDM_SHARED=${PDM_SHARED:-$PWD/../shared}
# A process for each core, and files of tests kept together: their fixtures are made once.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
.venv/bin/python -m pytest -n auto --dist loadfile -c python-package/pyproject.toml --rootdir . \
    python-package/tests python-package/studies/tests Testing "$@"
if [ $# = 0 ]; then
    bash .ci/oldest.sh
fi
