"""Local files that are written whole or not at all.

The host's local backend opens the file itself for writing: a process that is
killed meanwhile leaves a part of the new file in place of the old one.

Checkpoints of which there is always one that works.

The host writes checkpoints and ``last_checkpoint`` in place, and removes an
old checkpoint before the new one is written: a process that is killed in
between can leave nothing to resume from.
"""
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterable, Iterator, List, Optional, Tuple, Union

from mmengine.dist import is_main_process
from mmengine.fileio import LocalBackend, get_file_backend, register_backend
from mmengine.hooks import CheckpointHook
from mmengine.runner import Runner
from mmpose.registry import HOOKS

PathLike = Union[str, Path]

#: How the name of a file ends that is being written.
PARTIAL = '.partial'


@register_backend('atomic_local')
class AtomicLocalBackend(LocalBackend):
    """The host's local backend with atomic writes and patient removals.

    A file is written beside its place, forced to the disk, and moved there.
    Used by its name, ``backend_args=dict(backend='atomic_local')``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: Optional[List[Tuple[str, int]]] = None

    def put(self, obj: bytes, filepath: PathLike) -> None:
        """Write bytes to a file.

        Args:
            obj (bytes): The content.
            filepath (str | Path): The file; missing folders are made.
        """
        path = Path(filepath)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f'.{path.name}{PARTIAL}')
        with partial.open('wb') as file:
            file.write(obj)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
        _sync_folder(path.parent)

    def put_text(self,
                 obj: str,
                 filepath: PathLike,
                 encoding: str = 'utf-8') -> None:
        """Write text to a file; as :meth:`put`."""
        self.put(obj.encode(encoding), filepath)

    def remove(self, filepath: PathLike) -> None:
        """Remove a file, within :meth:`removals_last` at its end."""
        if self._waiting is None:
            super().remove(filepath)
        else:
            self._waiting.append((str(filepath), os.stat(filepath).st_ino))

    @contextmanager
    def removals_last(self) -> Iterator[None]:
        """Let removals wait for the end of the block, and its success."""
        self._waiting = []
        try:
            yield
            waiting = self._waiting
        finally:
            self._waiting = None
        for path, inode in waiting:
            # a file written anew in the meantime is another one
            if self.isfile(path) and os.stat(path).st_ino == inode:
                super().remove(path)


def remove_partial_files(folder: PathLike) -> List[Path]:
    """Remove what killed processes left behind.

    Args:
        folder (str | Path): A folder of checkpoints; it may not exist.

    Returns:
        list[Path]: The files removed.
    """
    found = sorted(Path(folder).glob(f'.*{PARTIAL}'))
    for path in found:
        path.unlink()
    return found


def _sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk, where the system can."""
    if os.name != 'posix':
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@HOOKS.register_module()
class AtomicCheckpointHook(CheckpointHook):
    """The host's hook, safe against being killed at any point.

    On local disks a checkpoint is written beside its place, forced to the
    disk and moved there; then ``last_checkpoint`` is replaced, the same way;
    then old checkpoints are removed. So there may be one checkpoint more than
    ``max_keep_ckpts`` for a moment. The best checkpoint is likewise removed
    after its successor is there. Other storage (``out_dir`` with a prefix,
    ``backend_args``) is written as the host does it, in the same order.

    Args:
        **kwargs: Those of MMEngine's ``CheckpointHook``.
    """

    def before_train(self, runner: Runner) -> None:
        """Choose how files are written, and clean up."""
        super().before_train(runner)
        if self.file_client_args is None and self.backend_args is None and (
                type(self.file_backend) is LocalBackend):
            self.backend_args = dict(backend='atomic_local')
            self.file_backend = get_file_backend(
                self.out_dir, backend_args=self.backend_args)
        if isinstance(self.file_backend,
                      AtomicLocalBackend) and is_main_process():
            for path in remove_partial_files(self.out_dir):
                runner.logger.info(f'{path}, which a process began to write '
                                   'and never finished, is removed')
        info = runner.message_hub.runtime_info
        if runner.iter > 0 and is_main_process():
            # a process killed right after it saved did not come to this
            self._remove_steps(info.get('outdated_ckpt_ids', ()))
            for path in info.get('outdated_best_ckpts', ()):
                if path not in self._best() and self.file_backend.isfile(path):
                    self.file_backend.remove(path)

    def _save_checkpoint_with_step(self, runner: Runner, step: int,
                                   meta: Dict[str, int]) -> None:
        outdated = self._note_step(runner, step)
        name = self.filename_tmpl.format(step)
        self.last_ckpt = self.file_backend.join_path(self.out_dir, name)
        runner.message_hub.update_info('last_ckpt', self.last_ckpt)
        runner.save_checkpoint(
            self.out_dir,
            name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args)
        if not is_main_process():
            return
        # always in the work folder, which is a local one
        AtomicLocalBackend().put_text(
            self.last_ckpt,
            Path(runner.work_dir) / 'last_checkpoint')
        self._remove_steps(outdated)

    def _remove_steps(self, steps: Iterable[int]) -> None:
        for step in steps:
            path = self.file_backend.join_path(self.out_dir,
                                               self.filename_tmpl.format(step))
            if self.file_backend.isfile(path):
                self.file_backend.remove(path)
            elif self.file_backend.isdir(path):
                self.file_backend.rmtree(path)

    def _note_step(self, runner: Runner, step: int) -> List[int]:
        """Note a checkpoint among those kept; gives those to remove."""
        if self.max_keep_ckpts <= 0 or step in self.keep_ckpt_ids:
            return []
        outdated = []
        if len(self.keep_ckpt_ids) == self.max_keep_ckpts:
            outdated.append(self.keep_ckpt_ids.popleft())
        self.keep_ckpt_ids.append(step)
        runner.message_hub.update_info('keep_ckpt_ids',
                                       list(self.keep_ckpt_ids))
        runner.message_hub.update_info('outdated_ckpt_ids', outdated)
        return outdated

    def _save_best_checkpoint(self, runner: Runner,
                              metrics: Dict[str, float]) -> None:
        if not isinstance(self.file_backend, AtomicLocalBackend):
            super()._save_best_checkpoint(runner, metrics)
            return
        runner.message_hub.update_info('outdated_best_ckpts', self._best())
        with self.file_backend.removals_last():
            super()._save_best_checkpoint(runner, metrics)

    def _best(self) -> List[str]:
        """list[str]: The best checkpoints there are."""
        found = [getattr(self, 'best_ckpt_path', None)]
        found += getattr(self, 'best_ckpt_path_dict', {}).values()
        return [path for path in found if path is not None]
