"""Data preprocessors: what a clip goes through before the backbone."""
from .sequence_data_preprocessor import SequencePoseDataPreprocessor

__all__ = ['SequencePoseDataPreprocessor']
