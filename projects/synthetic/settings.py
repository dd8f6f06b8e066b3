"""Settings of generated clips: what is drawn and how hard it is.

Each knob runs from 0 to 1. What it does is decided here and nowhere else, so
that a reader finds its meaning in one file.
"""
from dataclasses import asdict, dataclass, fields
from typing import Any, Dict, Tuple

#: Frames per second of the imagined camera.
FRAME_RATE = 25.0

#: The knobs of each named difficulty.
PRESETS: Dict[str, Dict[str, float]] = {
    'easy': dict(occlusion=0.1, blur=0.15, speed=0.25, crowd=0.15),
    'default': dict(occlusion=0.25, blur=0.3, speed=0.4, crowd=0.4),
    'hard': dict(occlusion=0.85, blur=0.85, speed=0.85, crowd=0.8),
}


@dataclass(frozen=True)
class ClipSettings:
    """What one generated video looks like.

    Args:
        width (int): Image width in pixels, at least 64.
        height (int): Image height in pixels, at least 64.
        frames (int): Frames per video.
        occlusion (float): 0 to 1: objects in front of people.
        blur (float): 0 to 1: exposure time; 1 is an always open shutter.
        speed (float): 0 to 1: how fast people, objects and camera move.
        crowd (float): 0 to 1: how many people, and how close together.
        label_every (int): Every n-th frame is labelled ...
        label_margin (int): ... leaving out this many at either end, which
            exist as images only: every labelled frame then has neighbours.
            Clips too short for it keep their middle frame.

    Raises:
        ValueError: If a value is out of its range.
    """
    width: int = 640
    height: int = 480
    frames: int = 12
    occlusion: float = PRESETS['default']['occlusion']
    blur: float = PRESETS['default']['blur']
    speed: float = PRESETS['default']['speed']
    crowd: float = PRESETS['default']['crowd']
    label_every: int = 1
    label_margin: int = 2

    def __post_init__(self) -> None:
        for field, low, high in (('width', 64, 8192), ('height', 64, 8192),
                                 ('frames', 1, 9999), ('occlusion', 0, 1),
                                 ('blur', 0, 1), ('speed', 0, 1),
                                 ('crowd', 0, 1), ('label_every', 1, 9999),
                                 ('label_margin', 0, 9999)):
            value = getattr(self, field)
            if not low <= value <= high:
                raise ValueError(
                    f'{field} must be in [{low}, {high}], got {value}')

    @classmethod
    def preset(cls, difficulty: str, **changes: Any) -> 'ClipSettings':
        """The settings of a named difficulty, with changes.

        Args:
            difficulty (str): 'easy', 'default' or 'hard'.
            **changes: Fields to set otherwise; None leaves one as it is.

        Raises:
            ValueError: If the difficulty or a field is unknown, or a value
                out of its range.
        """
        if difficulty not in PRESETS:
            raise ValueError(f'unknown difficulty {difficulty!r}, expected '
                             f'one of {", ".join(PRESETS)}')
        unknown = set(changes) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f'unknown settings: {sorted(unknown)}')
        given = {k: v for k, v in changes.items() if v is not None}
        return cls(**{**PRESETS[difficulty], **given})

    def to_dict(self) -> Dict[str, Any]:
        """dict: All fields by name."""
        return asdict(self)

    @property
    def exposure(self) -> float:
        """float: Share of the frame interval that the shutter is open."""
        return 0.9 * self.blur

    @property
    def time_step(self) -> float:
        """float: Seconds of motion between two frames."""
        return (0.4 + 1.6 * self.speed) / FRAME_RATE

    @property
    def people_range(self) -> Tuple[int, int]:
        """tuple[int, int]: Fewest and most people in a scene."""
        return 1 + int(2.5 * self.crowd), 2 + round(5 * self.crowd)

    @property
    def mean_occluders(self) -> float:
        """float: Mean number of objects placed in front of people."""
        return 5.5 * self.occlusion

    def labelled(self, frame: int) -> bool:
        """bool: Whether frame number ``frame`` (from 0) is labelled."""
        margin = min(self.label_margin, (self.frames - 1) // 2)
        inside = margin <= frame < self.frames - margin
        return inside and (frame - margin) % self.label_every == 0
