"""Stored features in a test pipeline, in place of frames.

Shape shorthand: T frames of a clip, C channels, H x W cells, h x w pixels of
the model's input.
"""
from typing import Optional, Tuple

from mmpose.datasets.transforms import TopdownAffine
from mmpose.registry import TRANSFORMS

from mmpose_tdmi.structures import FrameWindow
from .sample_titles import sample_title
from .store import FeatureStore


@TRANSFORMS.register_module()
class LoadStoredFeatures(TopdownAffine):
    """The crop's keys as the stock transform gives them, features as frames.

    ::

        dict(type='LocateFrameSequence'),
        dict(type='GetBBoxCenterScale', padding=1.25),
        dict(type='LoadStoredFeatures', store=..., input_size=(288, 384)),
        dict(type='PackPoseSequenceInputs')

    in the place of a test pipeline that loads frames and crops them. The
    dataset must be the one that the store was made of: clips are found by
    their place in it.

    Required Keys:

        - those that :class:`LocateFrameSequence` adds
        - sample_idx, bbox_center, bbox_scale

    Modified Keys:

        - img (list[np.ndarray], T arrays (H, W, C))
        - bbox_scale

    Added Keys:

        - as :class:`mmpose.datasets.transforms.TopdownAffine`

    Args:
        store (str): Folder of a :class:`FeatureStore` of one pass.
        input_size (tuple[int, int]): w and h that the features were made
            with.
        use_udp (bool): As of the stock transform. Defaults to False.

    Raises:
        ValueError: If the store has several passes, the frames are there
            already, or the store has no such sample.
    """

    def __init__(self,
                 store: str,
                 input_size: Tuple[int, int],
                 use_udp: bool = False) -> None:
        super().__init__(input_size=input_size, use_udp=use_udp)
        self.store = FeatureStore(store)
        if self.store.num_passes != 1:
            raise ValueError(
                f'{store}: a test needs a store of one pass, without '
                f'augmentation; this one has {self.store.num_passes}')

    def transform(self, results: dict) -> Optional[dict]:
        """Crop's keys, then the features. See the class for the keys.

        Args:
            results (dict): The sample.

        Returns:
            dict: The sample with its features.
        """
        path = results.get('img_path')
        if results.get('img') != []:
            raise ValueError(f'{path}: LoadStoredFeatures replaces frames, '
                             'but the sample has img: put '
                             'LocateFrameSequence first')
        index = results['sample_idx']
        titles = self.store.about['samples']
        found = titles[index] if index < len(titles) else 'nothing'
        if found != sample_title(results):
            raise ValueError(
                f'{self.store.folder}: sample {index} is of another dataset: '
                f'stored is {found}, asked for {sample_title(results)} '
                '(image/annotation)')
        results = super().transform(results)
        window = FrameWindow(tuple(results['frame_offsets']))
        clip = self.store.features[index][self.store.places(window)]
        results['img'] = list(clip.transpose(0, 2, 3, 1))
        return results

    def __repr__(self) -> str:
        return (f'{type(self).__name__}(store={str(self.store.folder)!r}, '
                f'input_size={self.input_size}, use_udp={self.use_udp})')
