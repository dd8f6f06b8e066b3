#!/usr/bin/env bash
# Train on several devices of this machine, or on several machines.
#   tools/dist_train.sh CONFIG DEVICES [arguments of tools/train.py]
# NNODES, NODE_RANK, MASTER_ADDR and PORT as in MMPose.
set -euo pipefail

if [ "$#" -lt 2 ]; then
    echo "usage: $0 CONFIG DEVICES [arguments of tools/train.py]" >&2
    exit 2
fi
CONFIG=$1
DEVICES=$2
shift 2

exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$DEVICES" \
    "$(dirname "$0")/train.py" "$CONFIG" --launcher pytorch "$@"
