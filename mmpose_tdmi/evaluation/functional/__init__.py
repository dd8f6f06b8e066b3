"""The metrics as plain functions of arrays."""
from .crowd_index import crowd_index
from .hieve_annotations import HiEveAnnotations, load_hieve_annotations
from .hieve_ap import (HIEVE_ALPHAS, HIEVE_ASSIGNMENTS, HiEveFrame,
                       HiEveResult, assign_persons, hieve_ap,
                       weighted_average_precision)
from .hieve_head_size import HiEveHeadSize
from .hieve_submission import (HIEVE_TEST_VIDEOS, frame_record,
                               pack_submission, write_submission)
from .hieve_submission_check import (SubmissionError, SubmissionSummary,
                                     validate_submission)
from .hieve_weights import HiEveFrameWeights
from .hota import HotaCounter, HotaResult
from .idf1 import Idf1Counter, Idf1Result
from .ignore_regions import drop_ignored
from .mot_metrics import MotCounter, MotResult
from .person_matching import (HEAD_SIZE_FACTOR, HIT_THRESHOLD, PersonMatching,
                              head_sizes, match_persons)
from .pose_sequences import (NO_TRACK, AnnotatedSequence, PoseSequence,
                             PredictedSequence)
from .posetrack18_format import MISSING_SCORE
from .posetrack_files import (load_annotations, read_annotations,
                              read_predictions)
from .posetrack_joints import (POSEVAL_GROUPS, POSEVAL_JOINTS, group_means,
                               joint_columns, mean_of_known)
from .poseval_ap import PosevalAP, PosevalResult, average_precision, poseval_ap
from .scored_frames import (PRESENCE_RULES, UNLABELLED_RULES, check_rules,
                            pair_frames, scored_frames)

__all__ = [
    'Idf1Counter', 'Idf1Result', 'HEAD_SIZE_FACTOR', 'HIEVE_ALPHAS',
    'HIEVE_ASSIGNMENTS', 'HIEVE_TEST_VIDEOS', 'HIT_THRESHOLD', 'MISSING_SCORE',
    'NO_TRACK', 'POSEVAL_GROUPS', 'POSEVAL_JOINTS', 'PRESENCE_RULES',
    'UNLABELLED_RULES', 'AnnotatedSequence', 'HiEveAnnotations', 'HiEveFrame',
    'HiEveFrameWeights', 'HiEveHeadSize', 'HiEveResult', 'HotaCounter',
    'HotaResult', 'MotCounter', 'MotResult', 'PersonMatching', 'PoseSequence',
    'PosevalAP', 'PosevalResult', 'PredictedSequence', 'SubmissionError',
    'SubmissionSummary', 'assign_persons', 'average_precision', 'check_rules',
    'crowd_index', 'drop_ignored', 'frame_record', 'group_means', 'head_sizes',
    'hieve_ap', 'joint_columns', 'load_annotations', 'load_hieve_annotations',
    'match_persons', 'mean_of_known', 'pack_submission', 'pair_frames',
    'poseval_ap', 'read_annotations', 'read_predictions', 'scored_frames',
    'validate_submission', 'weighted_average_precision', 'write_submission'
]
