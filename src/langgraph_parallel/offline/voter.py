"""Static engines as voters of a review."""

import asyncio
import os
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.runnables import RunnableConfig
from pydantic import JsonValue

from langgraph_parallel.offline.engines import Hit, Unread
from langgraph_parallel.offline.families import Family, Seat
from langgraph_parallel.offline.rules import RULES, severity_for
from langgraph_parallel.records import Call, Claim, Lines, Part, ReviewQuestion
from langgraph_parallel.reducers.findings.aliases import canonical_rule
from langgraph_parallel.runtime.loops import loop_local
from langgraph_parallel.runtime.recording import record
from langgraph_parallel.runtime.redact import describe, mask_secrets

_SUFFIXES = (".py", ".pyi")
_SUPPRESSION = re.compile(r"#\s*(noqa|nosec)\b:?\s*((?:[a-z]+\d+[,\s]*)*)", re.IGNORECASE)
_LITERAL = re.compile(r"""(['"])(.*)\1""")
_SECRET_RULES = frozenset({"S105", "S106", "S107"})
"""Rules about secrets in the source, which the report must not repeat."""
_NOT_IN_TESTS = ("S101", "D1")
"""Prefixes of rules that do not apply to tests: tests use assert, and their names document them."""
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$|(^|/)tests?/")

EngineResult = tuple[list[Hit], list[Unread]]


class StaticVoter:
    """A voter that runs the engines of one or more families, and no model.

    The ballot contains the claims; its notes contain the unread files and the scope. A line that the code
    marks as accepted (`# noqa`, `# nosec`) is claimed too, but in doubt: text under review must not suppress
    findings about itself.

    Args:
        name: name of the voter.
        families: the families to run, all of the aspect of the question.
    """

    def __init__(self, name: str, families: Sequence[Family]) -> None:
        self.name = name
        self._families = families
        self._seats = [seat for family in families for seat in family.seats]
        self._judges = {seat.engine.name for seat in self._seats}

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> dict[str, JsonValue]:
        """Judge the whole Python files of a `ReviewQuestion`.

        Returns:
            `choice`: the claims, or None if there is no file to judge; `notes`: `judges`, `paths`, `scope`,
            `unread`.

        Raises:
            EngineError, TimeoutError: all engines failed.
        """
        question: ReviewQuestion = input
        parts = self.readable(question.parts, self._families)
        if not parts:
            return {"choice": None, "rationale": "no file here can be judged by an engine"}
        claims, unread = await self._judge(question.aspect.name, parts)
        unread_notes: list[JsonValue] = [{**item} for item in unread]
        if all(self._is_unread(part, unread) for part in parts):
            return {
                "choice": None,
                "rationale": "no engine could read any file",
                "notes": {"unread": unread_notes},
            }
        notes: dict[str, JsonValue] = {
            "judges": [*sorted(self._judges)],
            "paths": [part.path for part in parts],
            "scope": [*sorted({prefix for family in self._families for prefix in family.scope})],
            "unread": unread_notes,
        }
        return {"choice": [claim.model_dump(mode="json") for claim in claims], "notes": notes}

    def _is_unread(self, part: Part, unread: Iterable[Mapping[str, str]]) -> bool:
        """Return whether no engine could read a part."""
        return self._judges <= {item["by"] for item in unread if item["path"] == part.path}

    @staticmethod
    def readable(parts: Iterable[Part], families: Sequence[Family]) -> list[Part]:
        """Return the parts that at least one family can judge: whole Python files, or only test files."""
        any_file = any(not family.tests_only for family in families)
        return [
            part
            for part in parts
            if families
            and part.whole
            and part.path.endswith(_SUFFIXES)
            and (any_file or _TEST_FILE.search(part.path))
        ]

    async def _judge(self, aspect: str, parts: Sequence[Part]) -> tuple[list[Claim], list[dict[str, str]]]:
        """Run all engines; return the claims, and the unread files with reason and engine."""
        folder = Path(await asyncio.to_thread(tempfile.gettempdir)) / f"review-{uuid.uuid4().hex}"
        writing = asyncio.ensure_future(asyncio.to_thread(_write_files, folder, parts))
        try:
            parts_by_name = await asyncio.shield(writing)
            results = await asyncio.gather(
                *(_run_engine(seat, sorted(parts_by_name), folder) for seat in self._seats),
                return_exceptions=True,
            )
        finally:
            # Shielded: a second cancellation ends this wait, but not the removal.
            await asyncio.shield(_remove_after(writing, folder))
        failures = [result for result in results if isinstance(result, BaseException)]
        if len(failures) == len(self._seats):
            raise failures[0]
        claims: list[Claim] = []
        unread: list[dict[str, str]] = []
        for seat, result in zip(self._seats, results, strict=True):
            by = seat.engine.name
            if isinstance(result, BaseException):
                unread += [{"path": part.path, "reason": describe(result), "by": by} for part in parts]
                continue
            hits, files = result
            unread += [
                {"path": parts_by_name[file.path].path, "reason": file.reason, "by": by} for file in files
            ]
            hits_and_parts = ((hit, parts_by_name[hit.path]) for hit in hits)
            claims += [
                self._claim(aspect, by, hit, part) for hit, part in hits_and_parts if _applies(hit, part)
            ]
        return claims, unread

    def _claim(self, aspect: str, engine: str, hit: Hit, part: Part) -> Claim:
        rule = _rule_of(hit)
        explained = RULES.get(rule)
        quote, message = part.line(hit.first), hit.message
        doubt = "the code marks this line as accepted" if _is_accepted(quote, rule) else None
        quote = mask_secrets(quote)
        if rule in _SECRET_RULES and (literal := _LITERAL.search(message)) and literal[2]:
            quote, message = quote.replace(literal[2], "***"), message.replace(literal[2], "***")
        return Claim(
            voter=self.name,
            source=engine,
            aspect=aspect,
            path=part.path,
            lines=Lines(first=hit.first, last=hit.last),
            severity=hit.severity or severity_for(rule),
            message=message,
            explanation=explained.explanation if explained else "",
            suggestion=explained.suggestion if explained else hit.fix,
            rule=rule,
            code=hit.code,
            quote=quote,
            doubt=doubt,
        )


async def _run_engine(seat: Seat, files: Sequence[str], folder: Path) -> EngineResult:
    """Run and record one engine, at most one per processor at a time."""
    async with loop_local("engines", lambda: asyncio.Semaphore(os.cpu_count() or 2)):
        name, started, ok = seat.engine.name, time.time(), False
        try:
            result = await seat.engine.run(files, folder, select=seat.select, ignore=seat.ignore)
            ok = True
            return result
        finally:
            record(
                Call(
                    id=str(uuid.uuid4()),
                    kind="engine",
                    target=name,
                    started=started,
                    ended=time.time(),
                    ok=ok,
                )
            )


async def _remove_after(writing: "asyncio.Future[Any]", folder: Path) -> None:
    """Remove a folder once the thread that writes to it has ended; a thread cannot be cancelled."""
    await asyncio.wait([writing])
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


def _write_files(folder: Path, parts: Iterable[Part]) -> dict[str, Part]:
    """Make a folder, and write parts to files with generated names in it; return the parts by name.

    The paths under review are not used: they could be absolute, or lead out of the folder.
    """
    folder.mkdir(mode=0o700)
    parts_by_name = {}
    for number, part in enumerate(parts):
        base = re.sub(r"[^\w.-]", "_", Path(part.path).name, flags=re.ASCII)
        name = f"{number:05d}/{base}"
        (folder / name).parent.mkdir()
        (folder / name).write_text(part.text, encoding="utf-8", errors="replace", newline="")
        parts_by_name[name] = part
    return parts_by_name


def _rule_of(hit: Hit) -> str:
    """Return the canonical rule of a hit; vulture's codes are words, not canonical codes."""
    if hit.code[0].isupper():
        return canonical_rule(hit.code)
    return {"unused-import": "F401", "unused-argument": "ARG001"}.get(hit.code, hit.code)


def _applies(hit: Hit, part: Part) -> bool:
    """Return whether the rule of a hit applies to the file."""
    return not (_rule_of(hit).startswith(_NOT_IN_TESTS) and _TEST_FILE.search(part.path))


def _is_accepted(line: str, rule: str) -> bool:
    """Return whether a comment on the line accepts the rule.

    With codes, a comment accepts only these; without codes, `nosec` accepts security rules, and `noqa` all.
    """
    for kind, listed in _SUPPRESSION.findall(line):
        codes = tuple(canonical_rule(code) for code in re.split(r"[,\s]+", listed) if code)
        if rule.startswith(codes or ("S", "DUO")) or (kind.lower() == "noqa" and not codes):
            return True
    return False
