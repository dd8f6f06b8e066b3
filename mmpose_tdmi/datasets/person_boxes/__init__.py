"""Person boxes for top-down data sets: reading, joining, statistics."""
from .annotation_records import (AnnotationRecords, known_size,
                                 read_annotation_records)
from .box_files import MAX_COORDINATE, PERSON, RawBox, is_id, read_box_file
from .frame_index import FrameIndex
from .loading import box_source, load_person_boxes, suppress
from .statistics import (RECALL_IOUS, SUSPICIOUS_RECALL, BoxStatistics,
                         box_statistics, person_boxes_by_image)

__all__ = [
    'MAX_COORDINATE', 'PERSON', 'RECALL_IOUS', 'SUSPICIOUS_RECALL',
    'AnnotationRecords', 'BoxStatistics', 'FrameIndex', 'RawBox', 'box_source',
    'box_statistics', 'is_id', 'known_size', 'load_person_boxes',
    'person_boxes_by_image', 'read_annotation_records', 'read_box_file',
    'suppress'
]
