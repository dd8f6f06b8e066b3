# Every target does its own set-up; it costs seconds when it is already there.
#
#   make demo                 generate clips, train TDMI, test it, draw it
#   make demo VIDEO=my.mp4    the same, then the trained model on your video
#   make test                 run the tests
#   make doctor               is the installation sound?
#
# Variables: PYTHON (a Python 3.9-3.11; default: the first one found),
# TORCH_INDEX_URL (where torch is taken from, see docs/install.md),
# ARGS (further arguments for the command).

export PYTHON
export TORCH_INDEX_URL

.PHONY: setup demo test doctor

setup:
	@scripts/setup.sh

demo:
	@scripts/demo.sh $(if $(VIDEO),--video '$(VIDEO)') $(ARGS)

test:
	@scripts/test.sh $(ARGS)

doctor:
	@scripts/setup.sh
	@.venv/bin/python -m mmpose_tdmi.doctor
