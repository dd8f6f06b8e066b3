"""The metrics as plain functions of arrays."""
from .ap import (HEAD_SIZE_FACTOR, HIT_THRESHOLD, PersonMatching, PosevalAP,
                 PosevalResult, average_precision, head_sizes, match_persons,
                 poseval_ap)
from .files import (MISSING_SCORE, PRESENCE_RULES, UNLABELLED_RULES,
                    check_rules, load_annotations, pair_frames,
                    read_annotations, read_predictions, scored_frames)
from .hieve import (HIEVE_ALPHAS, HIEVE_TEST_VIDEOS, HiEveAnnotations,
                    HiEveFrame, HiEveResult, SubmissionError,
                    SubmissionSummary, assign_persons, frame_record, hieve_ap,
                    load_hieve_annotations, pack_submission,
                    validate_submission, write_submission)
from .sequences import (NO_TRACK, POSEVAL_GROUPS, POSEVAL_JOINTS,
                        AnnotatedSequence, PoseSequence, PredictedSequence,
                        drop_ignored, group_means, joint_columns,
                        mean_of_known)
from .tracking import HotaCounter, HotaResult, MotCounter, MotResult

__all__ = [
    'HEAD_SIZE_FACTOR', 'HIEVE_ALPHAS', 'HIEVE_TEST_VIDEOS', 'HIT_THRESHOLD',
    'MISSING_SCORE', 'NO_TRACK', 'POSEVAL_GROUPS', 'POSEVAL_JOINTS',
    'PRESENCE_RULES', 'UNLABELLED_RULES', 'AnnotatedSequence',
    'HiEveAnnotations', 'HiEveFrame', 'HiEveResult', 'HotaCounter',
    'HotaResult', 'MotCounter', 'MotResult', 'PersonMatching', 'PoseSequence',
    'PosevalAP', 'PosevalResult', 'PredictedSequence', 'SubmissionError',
    'SubmissionSummary', 'assign_persons', 'average_precision', 'check_rules',
    'drop_ignored', 'frame_record', 'group_means', 'head_sizes', 'hieve_ap',
    'joint_columns', 'load_annotations', 'load_hieve_annotations',
    'match_persons', 'mean_of_known', 'pack_submission', 'pair_frames',
    'poseval_ap', 'read_annotations', 'read_predictions', 'scored_frames',
    'validate_submission', 'write_submission'
]
