"""The static engines, behind one interface: arguments out, hits in."""

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
    """One line of an engine's output."""

    path: str
    first: int
    last: int
    code: str
    message: str
    severity: Severity | None = None
    fix: str = ""


class Unread(NamedTuple):
    """A file that an engine could not read, and why."""

    path: str
    reason: str


Parsed = Iterator[Hit | Unread]


@dataclass(frozen=True)
class Engine:
    """A static analyser that runs as a Python module, and reads Python files."""

    name: str
    module: str
    arguments: Callable[[Sequence[str], Sequence[str]], list[str]]
    """From the rules to select and to ignore to command line arguments, before the files."""
    parse: Callable[[Output], Parsed]
    codes: tuple[int, ...] = (0,)
    """Exit codes that mean that it has worked."""
    needs: str = ""
    """A plug-in that has to be installed beside the module."""

    @property
    def installed(self) -> bool:
        """Whether it can be run here."""
        return all(find_spec(module) for module in (self.module, self.needs) if module)

    async def run(
        self, files: Sequence[str], folder: Path, *, select: Sequence[str] = (), ignore: Sequence[str] = ()
    ) -> tuple[list[Hit], list[Unread]]:
        """Run on files, named relative to `folder`.

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
    broken = set()
    for item in json.loads(output.stdout):
        path = Path(item["filename"])
        relative = "/".join(path.parts[-2:])
        if item["code"] in {None, "invalid-syntax"}:
            if relative not in broken:
                broken.add(relative)
                yield Unread(relative, _SYNTAX)
            continue
        fix = (item.get("fix") or {}).get("message") or ""
        first, last = item["location"]["row"], item["end_location"]["row"]
        yield Hit(relative, first, max(first, last), item["code"], item["message"], fix=fix)


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
_VULTURE = {
    "unused import": "unused-import",
    "unused variable": "unused-argument",
    "unreachable code": "unreachable-code",
    "unsatisfiable": "unreachable-code",
    "redundant if": "unreachable-code",
}


def _parse_vulture(output: Output) -> Parsed:
    for line in output.stdout.splitlines():
        if match := _LINE.fullmatch(line):
            message = re.sub(r" \(\d+% confidence\)$", "", match["text"])
            code = next(
                (code for start, code in _VULTURE.items() if message.startswith(start)), "unused-code"
            )
            yield Hit(_relative(match["path"]), int(match["line"]), int(match["line"]), code, message)
    unread = [match["path"] for line in output.stderr.splitlines() if (match := _LINE.fullmatch(line))]
    if output.code == 1 and not unread:  # it says so of files that it cannot read, and of nothing else
        raise EngineError(f"vulture did not run: {output.last_words}")
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
