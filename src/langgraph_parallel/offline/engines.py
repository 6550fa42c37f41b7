"""The static engines, behind one interface that returns their hits."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from langgraph_parallel.offline.process import EngineError, Output, run_module
from langgraph_parallel.records import Severity

_TIMEOUT = 120.0
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

    @property
    def installed(self) -> bool:
        """Whether the engine and its plug-in are installed."""
        return all(find_spec(module) for module in (self.module, self.needs) if module)

    async def run(
        self, files: Sequence[str], folder: Path, *, select: Sequence[str] = (), ignore: Sequence[str] = ()
    ) -> tuple[list[Hit], list[Unread]]:
        """Run the engine.

        Args:
            files: paths relative to `folder`.
            folder: working directory of the engine.
            select: prefixes of the rules to apply; empty for all.
            ignore: prefixes of the rules to leave out.

        Raises:
            EngineError, TimeoutError: as `run_module`.
        """
        arguments = [*self.arguments(select, ignore), *files]
        output = await run_module(self.module, arguments, folder, timeout=_TIMEOUT, codes=self.codes)
        parsed = list(self.parse(output))
        hits = [item for item in parsed if isinstance(item, Hit)]
        return hits, [item for item in parsed if isinstance(item, Unread)]


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
        yield Hit(
            _relative(item["filename"]),
            item["line_number"],
            item["line_number"],
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


RUFF = Engine("ruff", "ruff", _ruff_arguments, _parse_ruff)
BANDIT = Engine(
    "bandit",
    "bandit",
    lambda *_: ["--format=json", "--quiet", "--ignore-nosec", "--exit-zero"],
    _parse_bandit,
)
DLINT = Engine(
    "dlint",
    "flake8",
    lambda *_: ["--isolated", "--disable-noqa", "--jobs=1", "--exit-zero", "--select=DUO,E9"],
    _parse_flake8,
    needs="dlint",
)
VULTURE = Engine("vulture", "vulture", lambda *_: ["--min-confidence=80"], _parse_vulture, codes=(0, 1, 3))
