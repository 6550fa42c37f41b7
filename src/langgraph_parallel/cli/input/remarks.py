"""What commands say of the documents that they read."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePath

from langgraph_parallel.counted import count
from langgraph_parallel.reading.notes import NOT_INCLUDED, Remark
from langgraph_parallel.records import RunReport, Skipped
from langgraph_parallel.report.wording import visible

_MAX_LISTED = 10
"""Maximum files of other kinds that are listed one by one, and maximum kinds."""


def print_skipped(skipped: Sequence[Skipped]) -> None:
    """Print to standard error which files were not read, and why.

    Many files of other kinds, of which a folder may have thousands, are counted by suffix.
    """
    others = [item for item in skipped if item.reason == NOT_INCLUDED]
    listed = skipped if len(others) <= _MAX_LISTED else [item for item in skipped if item not in others]
    for item in listed:
        print(visible(f"not read: {item.path} ({item.reason})"), file=sys.stderr)
    if len(others) > _MAX_LISTED:
        suffixes = Counter(PurePath(item.path).suffix or PurePath(item.path).name for item in others)
        kinds = ", ".join(f"{number:,} {suffix}" for suffix, number in suffixes.most_common(_MAX_LISTED))
        more = ", ..." if len(suffixes) > _MAX_LISTED else ""
        files = count(len(others), "file")
        print(visible(f"not read: {files} of other kinds ({kinds}{more})"), file=sys.stderr)


def print_remarks(remarks: Sequence[Remark]) -> None:
    """Print to standard error what was guessed, and what of a document was not read."""
    for remark in remarks:
        kind = "not all is read" if remark.is_unread else "note"
        print(visible(f"{kind}: {remark.name}: {remark.text}"), file=sys.stderr)


def print_run_remarks(run: RunReport) -> None:
    """Print to standard error the remarks of a run whose statistics are not printed."""
    for remark in run.remarks:
        print(visible(f"note: {remark}"), file=sys.stderr)
