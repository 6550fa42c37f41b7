"""The static engines, behind one interface that returns their hits."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from langgraph_parallel.offline.process import EngineError, Output, run_module
from langgraph_parallel.records import Severity

_CPU_SECONDS = 120.0
"""CPU time of an engine for any files: many times what it takes to start."""
_CPU_SECONDS_PER_MB = 300.0
"""CPU time for each megabyte of code: about forty times what the slowest engine takes, for slow processors
and for code that an engine is slow at."""
_LINE = re.compile(r"(?P<path>.+?):(?P<line>\d+):(?:(?P<column>\d+):)? (?P<text>.*)")
_SYNTAX = "not valid Python for this interpreter"


class Hit(NamedTuple):
    """A defect reported by an engine."""

    path: str
    """Path relative to the working directory of the engine."""
    first: int
    """First line, from 1."""
    last: int
    """Last line, included."""
    code: str
    """The engine's own code for the rule."""
    message: str
    severity: Severity | None = None
    """The engine's severity; None if it has none."""
    fix: str = ""
    """The engine's suggestion."""
    accepted: bool = False
    """Whether the engine itself, told to obey the marks in the code, would not report it."""


class Unread(NamedTuple):
    """A file that an engine could not read."""

    path: str
    reason: str


Parsed = Iterator[Hit | Unread]


@dataclass(frozen=True)
class Engine:
    """A static analyser for Python files that runs as a Python module."""

    name: str
    module: str
    arguments: Callable[[Sequence[str], Sequence[str]], list[str]]
    """Function from the rules to select and to ignore to the command line arguments before the files."""
    parse: Callable[[Output], Parsed]
    """Function from the output of the engine to its hits and unread files."""
    codes: tuple[int, ...] = (0,)
    """Exit codes that mean success."""
    needs: str = ""
    """A plug-in module that the engine requires; empty for none."""
    mark: str = ""
    """A word that is in every comment that the engine obeys; empty if its hits are not compared."""
    deaf: str = ""
    """The argument that makes the engine ignore these comments."""

    @property
    def installed(self) -> bool:
        """Whether the engine and its plug-in are installed."""
        return all(find_spec(module) for module in (self.module, self.needs) if module)

    async def run(
        self, files: Sequence[str], folder: Path, *, select: Sequence[str] = (), ignore: Sequence[str] = ()
    ) -> tuple[list[Hit], list[Unread]]:
        """Run the engine; of one with a `mark`, say which hits the comments in the code accept.

        Args:
            files: paths relative to `folder`.
            folder: working directory of the engine.
            select: prefixes of the rules to apply; empty for all.
            ignore: prefixes of the rules to leave out.

        Raises:
            EngineError, TimeoutError: as `run_module`.
        """
        arguments = self.arguments(select, ignore)
        hits, unread = await self._run(arguments, files, folder)
        if not self.mark:
            return hits, unread
        marked = await asyncio.to_thread(self._marked, {hit.path for hit in hits}, folder)
        if not marked:
            return hits, unread
        # Which comment accepts what is the engine's own affair: names of rules, comments on other lines of a
        # statement, text that only looks like a comment. So it is asked, not imitated.
        obeying = [argument for argument in arguments if argument != self.deaf]
        standing, _ = await self._run(obeying, marked, folder)
        return _note_accepted(hits, standing, set(marked)), unread

    async def _run(
        self, arguments: Sequence[str], files: Sequence[str], folder: Path
    ) -> tuple[list[Hit], list[Unread]]:
        megabytes = sum((folder / file).stat().st_size for file in files) / 1e6
        cpu_seconds = _CPU_SECONDS + _CPU_SECONDS_PER_MB * megabytes
        output = await run_module(
            self.module, [*arguments, *files], folder, cpu_seconds=cpu_seconds, codes=self.codes
        )
        parsed = list(self.parse(output))
        hits = [item for item in parsed if isinstance(item, Hit)]
        return hits, [item for item in parsed if isinstance(item, Unread)]

    def _marked(self, files: Iterable[str], folder: Path) -> list[str]:
        """Return the files with a word that may be a mark."""
        return sorted(file for file in files if self.mark.encode() in (folder / file).read_bytes())


def _note_accepted(hits: Sequence[Hit], standing: Iterable[Hit], marked: Collection[str]) -> list[Hit]:
    """Return the hits; those in marked files that are not among the standing ones are accepted."""
    left = Counter(standing)
    noted = []
    for hit in hits:
        stands = hit.path not in marked or left[hit] > 0
        left[hit] -= 1
        noted.append(hit if stands else hit._replace(accepted=True))
    return noted


def _ruff_arguments(select: Sequence[str], ignore: Sequence[str]) -> list[str]:
    return [
        "check", "--isolated", "--no-cache", "--exit-zero", "--ignore-noqa", "--quiet",
        "--output-format=json",
        "--config=lint.pydocstyle.convention='google'",
        f"--select={','.join(select)}",
        *([f"--ignore={','.join(ignore)}"] if ignore else []),
    ]  # fmt: skip


def _parse_ruff(output: Output) -> Parsed:
    unread = set()
    for item in json.loads(output.stdout):
        path = "/".join(Path(item["filename"]).parts[-2:])  # ruff prints absolute paths
        if item["code"] in {None, "invalid-syntax"}:
            if path not in unread:
                unread.add(path)
                yield Unread(path, _SYNTAX)
            continue
        fix = (item.get("fix") or {}).get("message") or ""
        first, last = item["location"]["row"], item["end_location"]["row"]
        yield Hit(path, first, max(first, last), item["code"], item["message"], fix=fix)


def _parse_bandit(output: Output) -> Parsed:
    report: dict[str, Any] = json.loads(output.stdout)
    for error in report["errors"]:
        reason = _SYNTAX if "syntax error" in error["reason"] else error["reason"]
        yield Unread(_relative(error["filename"]), reason)
    for item in report["results"]:
        line = item["line_number"]
        lines = [line, *(item["line_range"] if item["test_id"] in _AT_AN_ARGUMENT else ())]
        yield Hit(
            _relative(item["filename"]),
            min(lines),
            max(lines),
            item["test_id"],
            item["issue_text"],
            _SEVERITIES.get(item["issue_severity"]),
        )


def _parse_flake8(output: Output) -> Parsed:
    for line in output.stdout.splitlines():
        if match := _LINE.fullmatch(line):
            code, _, message = match["text"].partition(" ")
            if code.startswith("E9"):
                yield Unread(_relative(match["path"]), _SYNTAX)
            else:
                yield Hit(_relative(match["path"]), int(match["line"]), int(match["line"]), code, message)


_AT_AN_ARGUMENT = frozenset(("B201", "B501", "B502", "B504", "B507", "B602", "B603", "B604", "B609"))
"""Tests of bandit that name the line of an argument, where other engines name the call."""
_SEVERITIES: dict[str, Severity] = {"HIGH": "high", "MEDIUM": "medium", "LOW": "low"}
_VULTURE_CODES = {
    "unused import": "unused-import",
    "unused variable": "unused-argument",
    "unreachable code": "unreachable-code",
    "unsatisfiable": "unreachable-code",
    "redundant if": "unreachable-code",
}
"""Codes by the start of the message: vulture has no codes of its own."""


def _parse_vulture(output: Output) -> Parsed:
    for line in output.stdout.splitlines():
        if match := _LINE.fullmatch(line):
            message = re.sub(r" \(\d+% confidence\)$", "", match["text"])
            codes = (code for start, code in _VULTURE_CODES.items() if message.startswith(start))
            code = next(codes, "unused-code")
            yield Hit(_relative(match["path"]), int(match["line"]), int(match["line"]), code, message)
    unread = [match["path"] for line in output.stderr.splitlines() if (match := _LINE.fullmatch(line))]
    if output.code == 1 and not unread:  # code 1 means unreadable files; without one, vulture itself failed
        raise EngineError(f"vulture failed: {output.last_error_line}")
    yield from (Unread(_relative(path), _SYNTAX) for path in unread)


def _relative(path: str) -> str:
    return path.removeprefix("./")


_DEAF = "--ignore-nosec"

RUFF = Engine("ruff", "ruff", _ruff_arguments, _parse_ruff)
BANDIT = Engine(
    "bandit",
    "bandit",
    lambda *_: ["--format=json", "--quiet", _DEAF, "--exit-zero"],
    _parse_bandit,
    mark="nosec",
    deaf=_DEAF,
)
DLINT = Engine(
    "dlint",
    "flake8",
    lambda *_: ["--isolated", "--disable-noqa", "--jobs=1", "--exit-zero", "--select=DUO,E9"],
    _parse_flake8,
    needs="dlint",
)
VULTURE = Engine("vulture", "vulture", lambda *_: ["--min-confidence=80"], _parse_vulture, codes=(0, 1, 3))
