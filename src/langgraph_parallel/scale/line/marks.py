"""Which rows a process runs now, in a file that outlives it, however it ends."""

import mmap
import os

SLOTS = 65_536
"""Rows that can be marked at the same time; further ones are not."""
_SIZE = SLOTS * 8


class Marks:
    """Marks of one process, shared with its parent by a file.

    A mark is the number of a part and the place of a row in it: eight bytes that are written at once.

    Args:
        file: descriptor of a file that both have open.
    """

    def __init__(self, file: int) -> None:
        if os.fstat(file).st_size < _SIZE:
            os.ftruncate(file, _SIZE)
        self._memory = mmap.mmap(file, _SIZE)
        self._slots = memoryview(self._memory).cast("Q")
        self._free = [*range(SLOTS - 1, -1, -1)]
        self._slot_of: dict[tuple[int, int], int] = {}

    def begin(self, part: int, place: int) -> None:
        """Mark a row of a part as running."""
        if self._free:
            slot = self._slot_of[part, place] = self._free.pop()
            self._slots[slot] = part << 32 | (place + 1)

    def end(self, part: int, place: int) -> None:
        """Take the mark of a row away, if it has one."""
        if (slot := self._slot_of.pop((part, place), None)) is not None:
            self._slots[slot] = 0
            self._free.append(slot)

    def running(self) -> list[tuple[int, int]]:
        """Return part and place of the rows that are marked, by this process or another."""
        return [(mark >> 32, (mark & 0xFFFFFFFF) - 1) for mark in self._slots if mark]

    def close(self) -> None:
        """Let go of the file."""
        self._slots.release()
        self._memory.close()
