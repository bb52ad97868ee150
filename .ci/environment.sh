# Sourced by test.sh and demo.sh: `prepare_environment EXTRAS [FOLDER...]` makes .venv in the repository and installs pdm-core
# into it, and the packages of further folders.

say() { printf '== %s\n' "$*"; }

supported_python() {
    local candidate
    for candidate in python3 python3.12 python3.11 python3.10; do
        if is_python "$candidate" 12; then
            echo "$candidate"
            return
        fi
    done
    echo "Python 3.10, 3.11 or 3.12 is needed; none was found." >&2
    return 1
}

# Whether $1 is a Python from 3.10 to 3.$2.
is_python() {
    command -v "$1" >/dev/null 2>&1 && "$1" -c "import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, $2))" 2>/dev/null
}

# A virtual environment by the Python $1 in the folder $2.
make_environment() {
    local python=$1 folder=$2
    say "creating the virtual environment $folder with $($python --version)"
    if ! "$python" -m venv --clear "$folder" >/dev/null 2>&1; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            say "installing the Debian package python3-venv"
            apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3-venv >/dev/null
        else
            echo "The Python module venv is missing: install the package python3-venv, then run this again." >&2
        fi
        "$python" -m venv --clear "$folder"
    fi
}

prepare_environment() {
    local extras=$1 python stamp wanted folder
    shift
    stamp=.venv/.installed-$extras
    wanted=$(cat python-package/pyproject.toml "${@/%//pyproject.toml}" | cksum)
    if [ ! -x .venv/bin/python ] || ! .venv/bin/python -c '' 2>/dev/null; then
        python=$(supported_python)
        make_environment "$python" .venv
    fi
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        say "installing pdm-core and what it needs (the first time takes some minutes)"
        # torch first and by version: on Linux a plain "torch" brings gigabytes of CUDA. PDM_TORCH chooses another build.
        .venv/bin/python -m pip install -q --disable-pip-version-check "${PDM_TORCH:-torch==2.13.0}"
        .venv/bin/python -m pip install -q --disable-pip-version-check -e "python-package[$extras]"
        for folder in "$@"; do
            .venv/bin/python -m pip install -q --disable-pip-version-check -e "$folder"
        done
        echo "$wanted" >"$stamp"
    fi
}

# The stand-in for Slicer draws its panel with Qt, which needs some system libraries even without a screen.
prepare_host() {
    local try='import importlib.util as u; u.find_spec("PySide6") and u.find_spec("slicer") and (__import__("PySide6.QtWidgets"), __import__("slicer"))'
    local packages="libdbus-1-3 libegl1 libfontconfig1 libgl1 libglib2.0-0 libxkbcommon0"
    if .venv/bin/python -c "$try" >/dev/null 2>&1; then
        return
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing the Debian packages $packages"
        # shellcheck disable=SC2086
        apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages >/dev/null || true
    fi
    .venv/bin/python -c "$try" >/dev/null 2>&1 ||
        say "the tests of the Slicer module are skipped: install the packages $packages to run them"
}

# Independent readers of DICOM that some tests compare with. Those tests are skipped where a program is missing.
prepare_readers() {
    local packages="dcm2niix dcmtk dicom3tools"
    if command -v dcm2niix >/dev/null 2>&1 && command -v dcmdump >/dev/null 2>&1 && command -v dciodvfy >/dev/null 2>&1; then
        return
    fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing the Debian packages $packages"
        # shellcheck disable=SC2086
        (apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $packages) >/dev/null 2>&1 ||
            say "they could not be installed: the tests that compare with them are skipped"
    else
        say "the tests that compare with other readers are skipped: install the packages $packages to run them"
    fi
}
