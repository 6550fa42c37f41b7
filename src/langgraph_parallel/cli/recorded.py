"""The record of a command's run, and the page on it."""

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from langgraph_parallel.errors import UsageError

if TYPE_CHECKING:
    from langgraph_parallel.runtime.record_setting import Recording

RECORD, CONTENTS = "LANGGRAPH_PARALLEL_RECORD", "LANGGRAPH_PARALLEL_RECORD_CONTENTS"
"""As in `runtime.record_setting`, which is imported with the work of a command only."""
RECORDER = "langgraph_parallel.runtime.recorder"
"""What logs that a record was not written."""


@contextmanager
def keep_record(record: str | None, html: Path | None, *, contents: bool = False) -> Iterator[None]:
    """Record the run of a block, and write the page on it when the block ends, in whatever way.

    Every graph reads the environment, those of the user's too, so it is put there.

    Args:
        record: file of the record, or a folder, which exists or ends with `/`, for one of its own for each
            run; None to keep none.
        html: file of the page; None for none.
        contents: whether answers, values and messages of errors are kept.

    Raises:
        UsageError: a file cannot be written, or contents are wanted of no record.
    """
    from_environment = os.environ.get(RECORD, "").strip()
    if record is None and html is None:
        if contents and not from_environment:
            raise UsageError("--record-contents needs --record FILE or --html FILE")
        with _environment({CONTENTS: "true"} if contents else {}):
            yield
        return
    from langgraph_parallel.cli.writing import check_apart, check_output

    check_output(html, "--html")
    with TemporaryDirectory(prefix="langgraph-parallel-") as folder, _telling_failures() as failures:
        place = _place(record or from_environment or f"{folder}{os.sep}")
        check_apart({"the record": place, "--html": html})
        before = _records(place)
        try:
            with _environment({RECORD: str(place)} | ({CONTENTS: "true"} if contents else {})):
                yield
        except BaseException:
            with suppress(UsageError):
                _write_page(_written(place, before), html)
            raise
        _write_page(_written(place, before), html)
        if not failures.last and not _written(place, before):
            print("langgraph-parallel: nothing has run that could be recorded", file=sys.stderr)


def kept_recording(file: Path) -> "Recording":
    """Return where the record of a run goes that is kept: into a file, with contents if these are wanted."""
    from langgraph_parallel.runtime.record_setting import Recording, keeps_contents

    return Recording(file, contents=keeps_contents())


def hand_over(file: Path) -> None:
    """Copy the record of a run that is kept to where `--record` or the environment want records to go."""
    wanted = os.environ.get(RECORD, "").strip()
    if not wanted or not file.is_file():
        return
    from langgraph_parallel.reducers.recorded import read_record
    from langgraph_parallel.runtime.recorder import write_record

    place = Path(wanted).expanduser()
    try:
        write_record(read_record(file), place / file.name if _is_folder(wanted) else place)
    except (OSError, UsageError) as error:  # it is kept all the same
        logging.getLogger(RECORDER).warning("the record was not written to %s: %s", place, error)


def _is_folder(place: str) -> bool:
    return place.endswith(("/", os.sep)) or Path(place).expanduser().is_dir()


def _place(wanted: str) -> Path:
    """Return the file for a record, or the folder, which is made."""
    from langgraph_parallel.cli.streams import reason
    from langgraph_parallel.cli.writing import check_output, try_folder

    place = Path(wanted).expanduser().absolute()
    if not _is_folder(wanted):
        check_output(Path(wanted).expanduser(), "--record")
        return place
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        try_folder(place)
    except OSError as error:
        raise UsageError(
            f"--record {wanted}: nothing can be written there: {reason(error)}; choose another folder"
        ) from None
    return place


class _Failures(logging.Handler):
    """Keeps why records were not written; the last one is told at the end, in place of a log of all."""

    def __init__(self) -> None:
        super().__init__()
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message."""
        self.last = record.getMessage()


@contextmanager
def _telling_failures() -> Iterator[_Failures]:
    """Tell at the end why a record was not written."""
    from langgraph_parallel.report.wording import visible

    logger, failures = logging.getLogger(RECORDER), _Failures()
    logger.addHandler(failures)
    try:
        yield failures
    finally:
        logger.removeHandler(failures)
        if failures.last:
            print(f"langgraph-parallel: {visible(failures.last)}", file=sys.stderr)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _records(place: Path) -> dict[Path, int]:
    """Return the files of records in a place, and when each was written."""
    files = place.glob("*.json") if place.is_dir() else [place]
    return {file: file.stat().st_mtime_ns for file in files if file.is_file()}


def _written(place: Path, before: Mapping[Path, int]) -> Path | None:
    """Return the record that was written last; None if none was."""
    now = {file: moment for file, moment in _records(place).items() if before.get(file) != moment}
    return max(now, key=lambda file: now[file], default=None)


def _write_page(file: Path | None, html: Path | None) -> None:
    if file is None or html is None:
        return
    from langgraph_parallel.cli.streams import write_file
    from langgraph_parallel.reducers.recorded import read_record

    write_file(read_record(file).to_html(), html)
