"""PoseTrack's metrics."""
from .evaluator import METRIC_NAMES  # noqa: F401
from .evaluator import PoseTrackEvaluator  # noqa: F401
from .evaluator import PoseTrackScores  # noqa: F401
from .evaluator import evaluate_folders  # noqa: F401
from .evaluator import format_scores  # noqa: F401
from .functional import *  # noqa: F401,F403
from .metrics import *  # noqa: F401,F403
