"""What a run along a video has cost.

Shape shorthand: T frames of a clip.
"""
from dataclasses import dataclass


@dataclass
class StreamingStats:
    """Counts of one run along a video.

    Args:
        frames (int): Frames whose poses were given out.
        person_frames (int): Poses: persons times the frames with a box.
        backbone_passes (int): Crops that went through the backbone. A crop
            and its flipped copy count as one.
        recomputed (int): Those of a person and frame that had been through
            the backbone before, with the crop of another run.
        crops (int): Crops chosen: one per track and one for every renewal.
    """
    frames: int = 0
    person_frames: int = 0
    backbone_passes: int = 0
    recomputed: int = 0
    crops: int = 0

    @property
    def passes_per_person_frame(self) -> float:
        """float: Backbone passes per pose; 1 at best, T without reuse.

        What is above 1 are frames at renewals (``recomputed``) and frames in
        which the person has no box, before, after and between those of the
        track.
        """
        return self.backbone_passes / max(self.person_frames, 1)

    @property
    def person_frames_per_crop(self) -> float:
        """float: The mean length of a run."""
        return self.person_frames / max(self.crops, 1)
