# Sourced: keeps other Pythons' packages and pip's personal settings out.
unset PYTHONPATH PYTHONHOME PIP_TARGET PIP_PREFIX
export PYTHONNOUSERSITE=1 PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1
# Threads that wait must not hold a core that another process could use.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"
