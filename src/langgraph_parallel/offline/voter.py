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
_ACCEPTED = re.compile(r"#\s*(noqa|nosec)\b:?\s*((?:[a-z]+\d+[,\s]*)*)", re.IGNORECASE)
_LITERAL = re.compile(r"""(['"])(.*)\1""")
_SECRETS = frozenset({"S105", "S106", "S107"})
"""Rules about secrets in the source: a report must not spread what it finds."""
_NOT_IN_TESTS = ("S101", "D1")
"""Tests are made of asserts, and their names say what they are for."""
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$|(^|/)tests?/")


class StaticVoter:
    """A voter that runs the engines of one or more families, and never a model.

    Its ballot holds the claims, and in its notes what it could not read and what it can judge. A line
    that the code itself marks as accepted (`# noqa`, `# nosec`) is claimed all the same, in doubt: text
    under review does not decide what is found in it.

    Args:
        name: the voter's name in the vote.
        families: who runs: of one aspect, because what a family judges depends on it.
    """

    def __init__(self, name: str, families: Sequence[Family]) -> None:
        self.name = name
        self._families = families

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> dict[str, JsonValue]:
        """Judge the whole Python files of a question.

        Returns:
            `choice`: claims, or None where there is no file for it; `notes`: `judges`, `paths`, `scope`,
            `unread`.

        Raises:
            EngineError, TimeoutError: every engine failed.
        """
        question: ReviewQuestion = input
        families = self._families
        parts = self.readable(question.parts, families)
        if not parts:
            return {"choice": None, "rationale": "there is no file here that an engine can judge"}
        claims, unread = await self._run(question.aspect.name, parts, families)
        if all(self._blind(part, unread) for part in parts):
            return {
                "choice": None,
                "rationale": "no engine could read any of it",
                "notes": {"unread": [{**item} for item in unread]},
            }
        scope = {prefix for family in families for prefix in family.scope}
        judges = {seat.engine.name for family in families for seat in family.seats}
        notes: dict[str, JsonValue] = {
            "judges": [*sorted(judges)],
            "paths": [part.path for part in parts],
            "scope": [*sorted(scope)],
            "unread": [{**item} for item in unread],
        }
        return {"choice": [claim.model_dump(mode="json") for claim in claims], "notes": notes}

    def _blind(self, part: Part, unread: Iterable[Mapping[str, str]]) -> bool:
        """Whether none of the engines could read a part."""
        judges = {seat.engine.name for family in self._families for seat in family.seats}
        return judges <= {item["by"] for item in unread if item["path"] == part.path}

    @staticmethod
    def readable(parts: Iterable[Part], families: Sequence[Family]) -> list[Part]:
        """The parts that any of the families can judge: whole Python files, or test files only."""
        any_file = any(not family.tests_only for family in families)
        return [
            part
            for part in parts
            if families
            and part.whole
            and part.path.endswith(_SUFFIXES)
            and (any_file or _TEST_FILE.search(part.path))
        ]

    async def _run(
        self, aspect: str, parts: Sequence[Part], families: Iterable[Family]
    ) -> tuple[list[Claim], list[dict[str, str]]]:
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="review-"))
        try:
            names = await asyncio.to_thread(_write, folder, parts)
            seats = [seat for family in families for seat in family.seats]
            results = await asyncio.gather(
                *(_run_engine(seat, sorted(names), folder) for seat in seats), return_exceptions=True
            )
        finally:
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
        failures = [result for result in results if isinstance(result, BaseException)]
        if len(failures) == len(seats):
            raise failures[0]
        claims: list[Claim] = []
        unread: list[dict[str, str]] = []
        for seat, result in zip(seats, results, strict=True):
            by = seat.engine.name
            if isinstance(result, BaseException):
                unread += [{"path": part.path, "reason": describe(result), "by": by} for part in parts]
                continue
            hits, broken = result
            unread += [{"path": names[item.path].path, "reason": item.reason, "by": by} for item in broken]
            claims += [
                claim for hit in hits if (claim := self._claim(aspect, by, hit, names[hit.path])) is not None
            ]
        return claims, unread

    def _claim(self, aspect: str, engine: str, hit: Hit, part: Part) -> Claim | None:
        rule = canonical_rule(hit.code) if hit.code[0].isupper() else _named(hit.code)
        if rule.startswith(_NOT_IN_TESTS) and _TEST_FILE.search(part.path):
            return None
        known = RULES.get(rule)
        quote, message = part.line(hit.first), hit.message
        doubt = "the code marks this line as accepted" if _is_accepted(quote, rule) else None
        quote = mask_secrets(quote)
        if rule in _SECRETS and (literal := _LITERAL.search(message)) and literal[2]:
            quote, message = quote.replace(literal[2], "***"), message.replace(literal[2], "***")
        return Claim(
            voter=self.name,
            source=engine,
            aspect=aspect,
            path=part.path,
            lines=Lines(first=hit.first, last=hit.last),
            severity=hit.severity or severity_for(rule),
            message=message,
            explanation=known.explanation if known else "",
            suggestion=known.suggestion if known else hit.fix,
            rule=rule,
            code=hit.code,
            quote=quote,
            doubt=doubt,
        )


async def _run_engine(seat: Seat, files: Sequence[str], folder: Path) -> tuple[list[Hit], list[Unread]]:
    """Run one engine, and record it; only as many run at a time as there are processors."""
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


def _write(folder: Path, parts: Iterable[Part]) -> dict[str, Part]:
    """Write the files under names of ours: a path under review decides nothing on this machine."""
    names = {}
    for number, part in enumerate(parts):
        base = re.sub(r"[^\w.-]", "_", Path(part.path).name, flags=re.ASCII)
        name = f"{number:05d}/{base}"
        (folder / name).parent.mkdir()
        (folder / name).write_text(part.text, encoding="utf-8", errors="replace", newline="")
        names[name] = part
    return names


def _is_accepted(line: str, rule: str) -> bool:
    """Whether a comment accepts this rule here: every rule, or those whose codes it lists."""
    for kind, listed in _ACCEPTED.findall(line):
        codes = tuple(canonical_rule(code) for code in re.split(r"[,\s]+", listed) if code)
        if rule.startswith(codes or ("S", "DUO")) or (kind.lower() == "noqa" and not codes):
            return True
    return False


def _named(code: str) -> str:
    """The canonical rule of an engine whose codes are words."""
    return {"unused-import": "F401", "unused-argument": "ARG001"}.get(code, code)
