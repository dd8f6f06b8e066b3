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

step() { say "$* ($((SECONDS - start)) s so far)"; }
say() { printf '[setup] %s\n' "$*"; }
die() { printf '[setup] error: %s\n' "$*" >&2; exit 1; }

# The stamp names the place too, since a virtual environment cannot be moved.
fingerprint() {
    pwd
    echo "${RESOLVE:-}"
    cat requirements.txt requirements/*.txt setup.py mmpose_tdmi/version.py \
        scripts/setup.sh scripts/build_*.py scripts/mmcv_units.py \
        scripts/sdist.py scripts/toolchain.py scripts/wheel_cache.py | cksum
}

supported() {
    "$1" -c 'import sys; sys.exit(not (3, 9) <= sys.version_info < (3, 14))' \
        2>/dev/null
}

find_python() {
    local candidate
    if [ -n "${PYTHON:-}" ]; then
        echo "$PYTHON"
        return
    fi
    for candidate in python3.13 python3.12 python3.11 python3.10 python3.9 \
        python3 "$(uv python find '>=3.9,<3.14' 2>/dev/null || true)"
    do
        if supported "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    die "no Python 3.9 to 3.13 found. This brings one, and the set-up then" \
        "goes on with it: uv python install 3.13 (https://docs.astral.sh/uv)." \
        "Or say PYTHON=/path/to/python"
}

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

check_chosen_python() {
    supported "$PYTHON" ||
        die "PYTHON=$PYTHON is not a working Python 3.9 to 3.13"
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

check_machine() {
    local cpu=https://download.pytorch.org/whl/cpu needed=8 free
    $py scripts/toolchain.py || exit 1
    if $py -c 'import torch' 2>/dev/null; then return; fi
    [ -z "${TORCH_INDEX_URL:-}" ] || needed=4
    free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1048576) }')
    [ "$free" -ge $needed ] ||
        die "$needed GB are needed in $PWD, $free GB are free: make room, or" \
            "take torch without CUDA: TORCH_INDEX_URL=$cpu (4 GB)"
    if [ -z "${TORCH_INDEX_URL:-}" ] && [ "$(uname -m)" = x86_64 ] &&
        [ ! -e /dev/nvidiactl ] && [ ! -e /dev/dxg ]
    then
        say "no GPU here, but torch brings CUDA: a download of 3 GB, 5 GB on" \
            "the disk; TORCH_INDEX_URL=$cpu would spare them"
    fi
}

install_requirements() {
    local wanted=(-r requirements/tested.txt) versions=requirements/tested.txt
    local limits=(-c $versions)
    if [[ ! "$(version_of $py)" =~ ^3\.1[13]$ ]] || [ -n "${RESOLVE:-}" ]; then
        say "exact versions are pinned for Python 3.11 and 3.13:" \
            "resolving the ranges of requirements.txt ${RESOLVE:-}"
        # mmcv's own build would take too long; it comes later.
        versions="$1/ranges.txt"
        grep -v '^mmcv' requirements.txt > "$versions"
        wanted=(-r "$versions" -r requirements/mim.txt
            -r requirements/tests.txt -r requirements/docs.txt
            -r requirements/deploy.txt ninja)
        printf '%s\n' ${RESOLVE:-} > "$1/resolve.txt"
        limits=(-c "$versions" -c "$1/resolve.txt")
    fi
    if [ -n "${TORCH_INDEX_URL:-}" ]; then
        # That index has torch in the wanted build, but not the pinned
        # versions of what torch needs; these follow from PyPI.
        grep -E '^torch(vision)?[=<>]' "$versions" > "$1/torch.txt"
        $py -m pip install --no-deps --index-url "$TORCH_INDEX_URL" \
            -r "$1/torch.txt" "${limits[@]}"
    fi
    # What mmpose needs and PyPI has no wheel of is compiled for this numpy.
    $py -m pip install --quiet "${limits[@]}" numpy Cython matplotlib
    $py -u scripts/build_sources.py
    $py -m pip install "${wanted[@]}" "${limits[@]}"
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

step "1/5 virtual environment"
make_venv
$py -m pip install --quiet -r requirements/bootstrap.txt
check_machine
step "2/5 requirements, minutes where torch is downloaded"
install_requirements "$scratch"
step "3/5 mmcv, two to three minutes if it has to be built"
$py -u scripts/build_mmcv.py
step "4/5 mmpose_tdmi"
install_package "$scratch/log"
step "5/5 checking"
$py -m pip check || die "the installed packages contradict each other"
$py -m mmpose_tdmi.doctor --quiet
printf '%s\n' "$wanted" > $stamp.part
mv $stamp.part $stamp
say "done in $((SECONDS - start)) s"
