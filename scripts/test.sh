#!/usr/bin/env bash
# Set up if need be, then run the tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh
source scripts/clean_env.sh
# Two processes; torch alone in each, or they would fight for the cores.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
# Where a process dies, the run ends with the name of the test that it ran:
# with a new one in its place, xdist 3.8 may wait for ever at the end
# (pytest-xdist's issue 1378).
exec .venv/bin/python -m pytest -n 2 --dist loadfile \
    --max-worker-restart 0 "$@"
