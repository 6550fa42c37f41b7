"""Runs of static engines that are remembered: what an engine says of the same files is the same."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langgraph_parallel.offline.process import Output, run_module

_KNOWN: dict[bytes, Output] = {}


async def remembered_run(module: str, arguments: Sequence[str], folder: Path, **options: Any) -> Output:
    """Run an engine as `run_module` does, once in this process for the same arguments and files.

    An engine is a pure function of both: the tests of `tests/offline`, which run each in a process of its
    own, say so. A run that fails is not remembered.
    """
    key = _digest(module, arguments, folder)
    if key not in _KNOWN:
        _KNOWN[key] = await run_module(module, arguments, folder, **options)
    return _KNOWN[key]


def _digest(module: str, arguments: Sequence[str], folder: Path) -> bytes:
    """Return what stands for the arguments and for all that is in the folder."""
    digest = hashlib.sha256(repr((module, *arguments)).encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            digest.update(repr((path.relative_to(folder).as_posix(), len(content))).encode() + content)
    return digest.digest()
