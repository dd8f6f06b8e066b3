"""One self-contained html page to look at a video's poses with.

``page/`` holds the page's parts; nothing is loaded from a network.
"""
from .page import write_page
from .writer import ReportWriter, write_report

__all__ = ['ReportWriter', 'write_page', 'write_report']
