"""PoseTrack's metrics."""
from .functional import *  # noqa: F401,F403
from .metrics import *  # noqa: F401,F403
from .posetrack_evaluation import METRIC_NAMES  # noqa: F401
from .posetrack_evaluation import PoseTrackEvaluator  # noqa: F401
from .posetrack_evaluation import PoseTrackScores  # noqa: F401
from .posetrack_folders import evaluate_folders  # noqa: F401
from .posetrack_tables import format_scores  # noqa: F401
