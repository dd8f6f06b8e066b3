#!/usr/bin/env bash
# Create .venv/ in the repository's root with everything that the package,
# its tests and its demo need. Running it again costs a fraction of a second;
# interrupted, it resumes where it was.
#
#   PYTHON=python3.10 scripts/setup.sh            choose the Python
#   TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu scripts/setup.sh
#                                                 choose where torch comes from
#   RESOLVE='torch==2.1.2 mmdet==3.2.0' scripts/setup.sh
#                                                 other versions than the tested
set -euo pipefail
cd -P "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/clean_env.sh

venv=.venv
stamp=$venv/.setup-stamp
py=$venv/bin/python

say() { printf '[setup] %s\n' "$*"; }
die() { printf '[setup] error: %s\n' "$*" >&2; exit 1; }

# The stamp names the place too, since a virtual environment cannot be moved.
fingerprint() {
    pwd
    echo "${RESOLVE:-}"
    cat requirements.txt requirements/*.txt setup.py mmpose_tdmi/version.py \
        scripts/setup.sh scripts/build_mmcv.py scripts/mmcv_units.py \
        scripts/toolchain.py scripts/wheel_cache.py | cksum
}

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 12))' \
        2>/dev/null
}

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        echo "$PYTHON"
        return
    fi
    for candidate in python3.11 python3.10 python3.9 python3; do
        if supported "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    die "no Python 3.9, 3.10 or 3.11 found; install one or say" \
        "PYTHON=/path/to/python"
}

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

check_chosen_python() {
    supported "$PYTHON" ||
        die "PYTHON=$PYTHON is not a working Python 3.9, 3.10 or 3.11"
    [ ! -x $py ] || [ "$(version_of "$PYTHON")" = "$(version_of $py)" ] ||
        die "$venv was made with Python $(version_of $py), PYTHON=$PYTHON is" \
            "$(version_of "$PYTHON"); delete $venv to change it"
}

make_venv() {
    # Created only in part, or moved here from elsewhere, it is made anew.
    if $py -m pip --version >/dev/null 2>&1 && supported $py &&
        grep -qF "$PWD/$venv" $venv/bin/activate
    then
        return
    fi
    local python
    python="$(find_python)"
    say "creating $venv with $("$python" --version 2>&1)"
    "$python" -m venv --clear $venv ||
        die "$python could not create a virtual environment; on Debian or" \
            "Ubuntu: sudo apt-get install python3-venv"
}

install_requirements() {
    local wanted=(-r requirements/tested.txt) torch=requirements/tested.txt
    if [ "$(version_of $py)" != 3.11 ] || [ -n "${RESOLVE:-}" ]; then
        say "exact versions are pinned for Python 3.11 only:" \
            "resolving the ranges of requirements.txt ${RESOLVE:-}"
        # mmcv's own build would take too long; it comes next.
        grep -v '^mmcv' requirements.txt > "$1/ranges.txt"
        torch=requirements.txt
        wanted=(-r "$1/ranges.txt" -r requirements/mim.txt
            -r requirements/tests.txt -r requirements/docs.txt
            -r requirements/deploy.txt ninja)
        if [ -n "${RESOLVE:-}" ]; then
            printf '%s\n' $RESOLVE > "$1/resolve.txt"
            wanted+=(-c "$1/resolve.txt")
        fi
    fi
    if [ -n "${TORCH_INDEX_URL:-}" ]; then
        # That index has torch in the wanted build, but not the pinned
        # versions of what torch needs; these follow from PyPI.
        grep -E '^torch(vision)?[=<>]' $torch > "$1/torch.txt"
        $py -m pip install --no-deps --index-url "$TORCH_INDEX_URL" \
            -r "$1/torch.txt"
    fi
    # Nothing but chumpy is built here, and chumpy needs to see pip.
    $py -m pip install --no-build-isolation "${wanted[@]}"
}

install_package() {
    # mim looks for <distribution's location>/mmpose_tdmi/.mim. A PEP 660
    # editable install puts the metadata in site-packages and the code
    # elsewhere, so that `mim train mmpose_tdmi` finds neither tools nor
    # configs. The classic editable install keeps them together, and unlike
    # a plain install it never runs stale code. setuptools 80 dropped it,
    # hence the pin in requirements/bootstrap.txt.
    $py -m pip install --quiet --no-deps --no-build-isolation \
        --no-use-pep517 --editable . 2> "$1" || { cat "$1" >&2; exit 1; }
}

is_set_up() {
    [ -f $stamp ] && [ -x $py ] && [ "$(cat $stamp)" = "$wanted" ]
}

[ -z "${PYTHON:-}" ] || check_chosen_python
wanted="$(fingerprint)"
if is_set_up; then exit 0; fi
# Two set-ups at once would spoil each other.
if command -v flock >/dev/null; then
    exec 9< scripts/setup.sh
    flock --nonblock 9 || { say "waiting for another set-up"; flock 9; }
    if is_set_up; then exit 0; fi
fi

start=$SECONDS
rm -f $stamp
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

say "1/5 virtual environment"
make_venv
$py -m pip install --quiet -r requirements/bootstrap.txt
say "2/5 requirements"
install_requirements "$scratch"
say "3/5 mmcv"
$py -u scripts/build_mmcv.py
say "4/5 mmpose_tdmi"
install_package "$scratch/log"
say "5/5 checking"
$py -m pip check || die "the installed packages contradict each other"
$py -m mmpose_tdmi.doctor --quiet
printf '%s\n' "$wanted" > $stamp.part
mv $stamp.part $stamp
say "done in $((SECONDS - start)) s"
