#!/usr/bin/env bash
# The tests of reading and writing with the oldest versions that pyproject.toml allows, without torch. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
. .ci/environment.sh

for python in python3.10 python3.11 python3; do
    if is_python "$python" 11; then
        break
    fi
done
if ! is_python "$python" 11; then
    say "oldest versions: skipped, because they need Python 3.10 or 3.11, and none was found"
    exit 0
fi

# "numpy>=1.26,<3" becomes "numpy==1.26"; torch, and monai, which brings it, stay out.
read -r -d '' list <<'PYTHON' || true
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
import re
for entry in tomllib.load(open("python-package/pyproject.toml", "rb"))["project"]["dependencies"]:
    name, version = re.match(r"([\w-]+)>=([\d.]+)", entry).groups()
    if name not in ("torch", "monai"):
        print(f"{name}=={version}")
PYTHON

oldest=.venv-oldest
stamp=$oldest/.installed
if [ "$(cat $stamp 2>/dev/null)" != "$(cksum <python-package/pyproject.toml)" ]; then
    make_environment "$python" $oldest
    packages=$($oldest/bin/python -c "$list")
    say "oldest versions: installing" $packages
    # shellcheck disable=SC2086
    $oldest/bin/python -m pip install -q --disable-pip-version-check $packages "pytest>=8"
    $oldest/bin/python -m pip install -q --disable-pip-version-check --no-deps -e python-package
    cksum <python-package/pyproject.toml >$stamp
fi
say "oldest versions: pytest"
export PDM_SHARED=${PDM_SHARED:-$PWD/../shared}
$oldest/bin/python -m pytest -c python-package/pyproject.toml --rootdir . python-package/tests/volume "$@"
