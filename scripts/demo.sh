#!/usr/bin/env bash
# Set up if need be, then run the demo. Arguments go to projects/demo/demo.py.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
"$root/scripts/setup.sh"
source "$root/scripts/clean_env.sh"
# No change of folder: a relative --video is relative to where the user is.
exec "$root/.venv/bin/python" "$root/projects/demo/demo.py" "$@"
