"""The process that parses documents for `confined`, one after another.

A document may come from anyone, and no parser of a rich format bounds the time and memory that a made one
needs. So each has a limit of both here, beyond which the system ends this process, and only this.
"""

import contextlib
import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from langgraph_parallel.reading.decoding import MISSING_EXTRA
from langgraph_parallel.reading.notes import Parsed, Unreadable
from langgraph_parallel.reading.parsers.html import html_text
from langgraph_parallel.reading.parsers.pdf import pdf_text
from langgraph_parallel.reading.parsers.word import docx_text
from langgraph_parallel.reading.parsers.workbook import workbook_sheets

MAX_MEMORY = 2 * 1024**3
"""Bytes of memory, which some systems do not limit."""
_TOO_MUCH_MEMORY = f"reading it takes more than {MAX_MEMORY // 1024**3} GB of memory"
_PARSERS: Mapping[str, Callable[[bytes], Parsed]] = {
    "html": html_text,
    "pdf": pdf_text,
    "docx": docx_text,
    "sheets": workbook_sheets,
}


def parse(kind: str, data: bytes) -> Parsed:
    """Parse a document.

    Args:
        kind: `html`, `pdf`, `docx` or `sheets`.
        data: the document.

    Raises:
        Unreadable: it has no text that can be read, or the parser is not installed.
    """
    try:
        return _PARSERS[kind](data)
    except Unreadable:
        raise
    except ModuleNotFoundError:
        raise Unreadable(f"its format {MISSING_EXTRA}") from None
    except MemoryError:
        raise Unreadable(_TOO_MUCH_MEMORY) from None
    except RecursionError:
        raise Unreadable("its parts are nested too deeply") from None
    except Exception:  # parsers raise errors of all kinds on broken files
        raise Unreadable("it is damaged, and cannot be opened") from None


def main(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more: a line of JSON, then as many bytes as it says."""
    _limit_memory()
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["size"])
        _limit_seconds(request["seconds"])
        body = _answer(request["kind"], data)
        answers.write(b"%d\n" % len(body) + body)
        answers.flush()


def _answer(kind: str, data: bytes) -> bytes:
    answer: dict[str, Any]
    try:
        return json.dumps(parse(kind, data)._asdict()).encode()
    except Unreadable as error:
        answer = {"reason": str(error)}
    except MemoryError:
        answer = {"reason": _TOO_MUCH_MEMORY}
    return json.dumps(answer).encode()


def _limit_memory() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))


def _limit_seconds(seconds: int) -> None:
    """Let the system end this process once it has worked for so many seconds more."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        usage = resource.getrusage(resource.RUSAGE_SELF)
        spent = math.ceil(usage.ru_utime + usage.ru_stime)
        resource.setrlimit(resource.RLIMIT_CPU, (spent + seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]))


if __name__ == "__main__":
    with open(sys.stdout.fileno(), "wb", closefd=False) as answers:
        sys.stdout = sys.stderr  # a parser that prints must not answer
        with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
            main(sys.stdin.buffer, answers)
