#!/usr/bin/env bash
# Set up if need be, then run the tests. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
scripts/setup.sh
source scripts/clean_env.sh
exec .venv/bin/python -m pytest tests "$@"
