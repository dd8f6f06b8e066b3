"""Packing of clips: the stock packing, with the clip's own keys added.

Shape shorthand: T frames of a clip, H x W pixels of the model's input.
"""
from typing import Optional, Sequence

from mmpose.datasets.transforms import PackPoseInputs
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.structures import CLIP_META_KEYS


@TRANSFORMS.register_module()
class PackPoseSequenceInputs(PackPoseInputs):
    """Pack a clip for the model.

    The stock packing stacks the list of frames in ``img`` to ``inputs``
    (T, 3, H, W); what this class adds are the clip's keys
    (:data:`~mmpose_tdmi.structures.CLIP_META_KEYS`) and the person's
    ``track_id``, if any, among the sample's ``metainfo``, and a check of the
    clip.

    Args:
        meta_keys (Sequence[str], optional): The keys to keep as metainfo.
            Defaults to None, the host's keys, the clip's and ``track_id``.
        pack_transformed (bool): As in
            :class:`mmpose.datasets.transforms.PackPoseInputs`. Defaults to
            False.

    Raises:
        ValueError: If ``img`` is not a clip of as many frames as the
            sample's ``frame_offsets`` name.
    """

    def __init__(self,
                 meta_keys: Optional[Sequence[str]] = None,
                 pack_transformed: bool = False) -> None:
        super().__init__(pack_transformed=pack_transformed)
        # the host's own default keys are what its __init__ has just set
        if meta_keys is None:
            meta_keys = (*self.meta_keys, *CLIP_META_KEYS, 'track_id')
        self.meta_keys = tuple(meta_keys)

    def transform(self, results: dict) -> dict:
        """Pack the sample.

        Args:
            results (dict): The sample, with the clip's frames in ``img``.

        Returns:
            dict: ``inputs`` (Tensor, (T, 3, H, W)) and ``data_samples``
            (:class:`mmpose.structures.PoseDataSample`).
        """
        offsets = results.get('frame_offsets')
        if offsets is None:
            raise ValueError(
                'expected a clip with frame_offsets, as LoadFrameSequence '
                f'gives it, for {results.get("img_path")!r}')
        frames = results.get('img')
        is_clip = isinstance(frames, (list, tuple))
        if not is_clip or len(frames) != len(offsets):
            found = (f'{len(frames)} frames'
                     if is_clip else type(frames).__name__)
            raise ValueError(
                f'expected img to be a clip of T = {len(offsets)} frames '
                f'(frame_offsets {tuple(offsets)}), got {found} for '
                f'{results.get("img_path")!r}')
        return super().transform(results)
