#!/usr/bin/env bash
# All checks: style, types, tests. Arguments go to pytest, e.g. ./test.sh -k kspace
set -euo pipefail
cd "$(dirname "$0")"
. .ci/environment.sh
prepare_environment test
repository=$PWD
cd python-package
say "ruff"
../.venv/bin/ruff check .
../.venv/bin/ruff format --check .
say "mypy"
../.venv/bin/mypy
say "pytest"
PDM_SHARED=${PDM_SHARED:-$repository/../shared} exec ../.venv/bin/python -m pytest "$@"
