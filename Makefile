# Every target does its own set-up; it costs seconds when it is already there.
#
#   make demo                 generate clips, train TDMI, test it, draw it
#   make demo VIDEO=my.mp4    the same, then the trained model on your video
#   make test                 run the tests
#   make lint                 check the style (make format: put it right)
#   make types                check the type hints
#   make docs                 the documentation site, in docs/build/html
#   make doctor               is the installation sound?
#
# Variables: PYTHON (a Python 3.9-3.13; default: the newest one found),
# TORCH_INDEX_URL (where torch is taken from, see docs/install.md),
# ARGS (further arguments for the command).

export PYTHON
export TORCH_INDEX_URL

STYLED = mmpose_tdmi configs conftest.py docs projects scripts tests tools setup.py

.PHONY: setup demo test lint format types docs doctor

setup:
	@scripts/setup.sh

demo:
	@scripts/demo.sh $(if $(VIDEO),--video '$(VIDEO)') $(ARGS)

test:
	@scripts/test.sh $(ARGS)

lint:
	@scripts/setup.sh
	@.venv/bin/python -m flake8 $(STYLED)
	@.venv/bin/python -m isort --check-only --quiet $(STYLED)
	@.venv/bin/python -m yapf --recursive --parallel --diff $(STYLED)

format:
	@scripts/setup.sh
	@.venv/bin/python -m isort --quiet $(STYLED)
	@.venv/bin/python -m yapf --recursive --parallel --in-place $(STYLED)

types:
	@scripts/setup.sh
	@.venv/bin/python -m mypy

docs:
	@scripts/setup.sh
	@.venv/bin/python -m sphinx -W --keep-going -b html docs docs/build/html

doctor:
	@scripts/setup.sh
	@.venv/bin/python -m mmpose_tdmi.doctor
