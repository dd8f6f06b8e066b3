# The runtime of the small models: distributed training also works on CPUs
# (tools/train.py --launcher pytorch), where a process has no device id.
_base_ = ['default_runtime.py']

model_wrapper_cfg = dict(
    type='MMDistributedDataParallel', device_ids=None, broadcast_buffers=False)
