"""Limits of archives."""

import io
import zipfile

from langgraph_parallel.reading.notes import Unreadable

MAX_UNPACKED = 200_000_000
"""Bytes of all files in an archive."""


def check_unpacked(data: bytes) -> None:
    """Check what a ZIP archive says of the size of its files; other data passes.

    Raises:
        Unreadable: it is more than `MAX_UNPACKED`, or they are encrypted.
    """
    if not data.startswith(b"PK"):
        return
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        items = archive.infolist()
    size = sum(item.file_size for item in items)
    if size > MAX_UNPACKED:
        raise Unreadable(f"it unpacks to {size:,} bytes; at most {MAX_UNPACKED:,} are read")
    if any(item.flag_bits & 1 for item in items):
        raise Unreadable("it is protected by a password; save it without")
