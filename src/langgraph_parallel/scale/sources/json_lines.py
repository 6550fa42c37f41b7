"""JSON lines: an object, or a text, on each line."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from langgraph_parallel.scale.sources.keys import Record
from langgraph_parallel.scale.sources.records import RecordSource
from langgraph_parallel.scale.sources.text_file import TextFile
from langgraph_parallel.scale.sources.values import LARGEST

TEXT = "text"
"""The column of items that are texts."""
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


class JsonLines(RecordSource):
    """The objects of a file.

    Args:
        file: of JSON lines, in UTF-8.
        key: the column of the keys; None for the numbers of the rows.
    """

    unit = "line"

    def __init__(self, file: TextFile, key: str | None = None) -> None:
        super().__init__(file.name, key)
        self._file = file

    @property
    def columns(self) -> Sequence[str] | None:
        """Those of the first lines; later ones may have others."""
        decoder = _decoder()
        found: dict[str, None] = {}
        for line in self._file.sample:
            if line.strip():
                found.update(dict.fromkeys(_read(decoder, 0, line).data))
        return [*found]

    @property
    def remarks(self) -> Sequence[str]:
        """What was guessed of its encoding."""
        return [f"{self.name}: {note}" for note in self._file.notes]

    @property
    def can_look(self) -> bool:
        """Whether it is short enough."""
        return self._file.is_short

    def records(self) -> Iterator[Record]:
        """Iterate over the records; a line that is not JSON has an error."""
        decoder = _decoder()
        for number, line in enumerate(self._file.lines(), 1):
            if line.strip():
                yield _read(decoder, number, line)


def is_json(line: str) -> bool:
    """Return whether a line is a JSON value."""
    return not _read(_decoder(), 1, line).error


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_int=_whole, parse_constant=lambda name: None)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) < 19 or -LARGEST <= int(digits) < LARGEST else digits


def _read(decoder: json.JSONDecoder, number: int, line: str) -> Record:
    try:
        value = decoder.decode(line.removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        if error.doc[error.pos :].strip() == ",":
            reason = "a comma follows the value; take it away"
        return Record(number, {}, f"line {number:,}, column {error.colno:,} is not JSON: {reason}")
    except (ValueError, RecursionError):
        return Record(number, {}, f"line {number:,} is nested too deep, or has a number that is too long")
    if "\\u" in line:
        value = _whole_characters(value)
    if isinstance(value, dict):
        return Record(number, value)
    if isinstance(value, str):
        return Record(number, {TEXT: value})
    return Record(number, {}, f"line {number:,} is not an object or a text, but {line.strip()[:40]!r}")


def _whole_characters(value: Any) -> Any:
    """Replace halves of characters, which JSON can write and no database or process takes."""
    plain = json.dumps(value, ensure_ascii=False)
    return json.loads(_HALF_CHARACTER.sub("\ufffd", plain)) if _HALF_CHARACTER.search(plain) else value
