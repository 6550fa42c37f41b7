"""Static engines as voters of a review."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from pydantic import JsonValue

from langgraph_parallel.offline.cleared import find_cleared
from langgraph_parallel.offline.engines import Hit
from langgraph_parallel.offline.families import ACCEPTED, IN_TESTS, UNREAD_MARK, UPHELD, Family
from langgraph_parallel.offline.file_kinds import is_python, is_test_file
from langgraph_parallel.offline.file_set import file_set, tasks_for
from langgraph_parallel.offline.in_tests import fold_in_tests, is_use_in_tests
from langgraph_parallel.offline.rules import RULES, severity_for
from langgraph_parallel.records import Claim, Lines, Part, ReviewQuestion, Skipped
from langgraph_parallel.reducers.findings.aliases import canonical_rule
from langgraph_parallel.reducers.findings.packed import pack
from langgraph_parallel.runtime.redact import describe, known_secrets, mask_secrets

_SUPPRESSION = re.compile(r"#\s*(noqa|nosec)\b:?\s*((?:[a-z]+\d+[,\s]*)*)", re.IGNORECASE)
_LITERAL = re.compile(r"""(['"])(.*)\1""")
_SECRET_RULES = frozenset({"S105", "S106", "S107"})
"""Rules about secrets in the source, which the report must not repeat."""


class StaticVoter:
    """A voter that runs the engines of one or more families, and no model.

    The ballot contains the claims; its notes contain the unread files and the scope. A line that the code
    marks as accepted (`# noqa`, `# nosec`) is claimed too, but in doubt: text under review must not suppress
    findings about itself.

    Args:
        name: name of the voter.
        families: the families to run, all of the aspect of the question.
        others: families that judge other aspects of the review: engines run once for all.
    """

    def __init__(self, name: str, families: Sequence[Family], others: Sequence[Family] = ()) -> None:
        self.name = name
        self._families = families
        self._seats = [seat for family in families for seat in family.seats]
        self._judges = {seat.engine.name for seat in self._seats}
        self._tasks = tasks_for([*others, *families])

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None) -> dict[str, JsonValue]:
        """Judge the whole Python files of a `ReviewQuestion`.

        Returns:
            `choice`: the claims as texts (`pack`), or None if there is no file to judge; `notes`: `judges`,
            `paths`, `scope`, `cleared`, `unread`.

        Raises:
            EngineError, TimeoutError: all engines failed.
        """
        question: ReviewQuestion = input
        parts = self.readable(question.parts, self._families)
        if not parts:
            return {"choice": None, "rationale": "no file here can be judged by an engine"}
        claims, unread = await self._judge(question, parts)
        unread_notes: list[JsonValue] = [
            item.model_dump(mode="json", exclude_defaults=True) for item in unread
        ]
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
            "cleared": self._cleared(parts),
            "unread": unread_notes,
        }
        return {"choice": [*pack(claims)], "notes": notes}

    def _is_unread(self, part: Part, unread: Iterable[Skipped]) -> bool:
        """Return whether no engine could read a part."""
        return self._judges <= {item.by for item in unread if item.path == part.path}

    def _cleared(self, parts: Iterable[Part]) -> list[JsonValue]:
        """Return the constructs that the families clear, as JSON data."""
        return [
            {"path": part.path, "rule": cleared.rule, "lines": cleared.lines.model_dump(mode="json")}
            for part in parts
            for family in self._families
            for cleared in find_cleared(family.name, part.text)
        ]

    @staticmethod
    def readable(parts: Iterable[Part], families: Sequence[Family]) -> list[Part]:
        """Return the parts that at least one family can judge: whole Python files, or only test files."""
        any_file = any(not family.tests_only for family in families)
        return [part for part in _python_files(parts) if families and (any_file or is_test_file(part.path))]

    async def _judge(
        self, question: ReviewQuestion, parts: Sequence[Part]
    ) -> tuple[list[Claim], list[Skipped]]:
        """Take the results of all engines; return the claims, and the unread files with reason and engine."""
        files = file_set(_python_files(question.parts), self._tasks, self._judges)
        results = await asyncio.gather(
            *(files.take(seat.engine.name) for seat in self._seats), return_exceptions=True
        )
        failures = [result for result in results if isinstance(result, BaseException)]
        if len(failures) == len(self._seats):
            raise failures[0]
        claims: list[Claim] = []
        unread: list[Skipped] = []
        by_path, quotes = {part.path: part for part in parts}, _Quotes(parts)
        for seat, result in zip(self._seats, results, strict=True):
            by = seat.engine.name
            if isinstance(result, BaseException):
                reason = describe(result)
                unread += [Skipped(path=part.path, reason=reason, by=by, failed=True) for part in parts]
                continue
            hits, unread_files = result
            unread += [
                Skipped(path=file.path, reason=file.reason, by=by)
                for file in unread_files
                if file.path in by_path
            ]
            mine = (hit for hit in hits if hit.path in by_path and seat.applies(hit.code))
            claims += [
                self._claim(question.aspect.name, by, hit, quotes)
                for hit in fold_in_tests(mine, by, by_path, _rule_of)
            ]
        return claims, unread

    def _claim(self, aspect: str, engine: str, hit: Hit, quotes: "_Quotes") -> Claim:
        rule = _rule_of(hit)
        explained = RULES.get(rule)
        message = hit.message
        doubt = _doubt(hit, quotes.line(hit), rule, engine)
        quote = quotes.masked(hit)
        if rule in _SECRET_RULES and (literal := _LITERAL.search(message)) and literal[2]:
            quote, message = quote.replace(literal[2], "***"), message.replace(literal[2], "***")
        return Claim(
            voter=self.name,
            source=engine,
            aspect=aspect,
            path=hit.path,
            lines=Lines(first=hit.first, last=hit.last),
            severity=severity_for(rule, hit.severity),
            graded=hit.severity,
            message=message,
            explanation=explained.explanation if explained else "",
            suggestion=explained.suggestion if explained else hit.fix,
            rule=rule,
            code=hit.code,
            quote=quote,
            doubt=doubt,
        )


class _Quotes:
    """The lines of files that are quoted; a file is split once, and the secrets are looked up once."""

    def __init__(self, parts: Iterable[Part]) -> None:
        self._parts = {part.path: part for part in parts}
        self._lines: dict[str, list[str]] = {}
        self._secrets = known_secrets()

    def line(self, hit: Hit) -> str:
        """Return the first line of a hit, stripped, or an empty text beyond the end of the file."""
        if hit.path not in self._lines:
            self._lines[hit.path] = self._parts[hit.path].lines
        lines = self._lines[hit.path]
        return lines[hit.first - 1].strip() if hit.first <= len(lines) else ""

    def masked(self, hit: Hit) -> str:
        """Return this line with secrets masked."""
        return mask_secrets(self.line(hit), self._secrets)


def _python_files(parts: Iterable[Part]) -> list[Part]:
    """Return the parts that engines can read: whole Python files."""
    return [part for part in parts if part.whole and is_python(part.path, part.text)]


def _rule_of(hit: Hit) -> str:
    """Return the canonical rule of a hit; vulture's codes are words, not canonical codes."""
    if hit.code[0].isupper():
        return canonical_rule(hit.code)
    return {"unused-import": "F401", "unused-argument": "ARG001"}.get(hit.code, hit.code)


def _doubt(hit: Hit, line: str, rule: str, engine: str) -> str | None:
    """Return why a hit is in doubt; None if it is not.

    An engine of `UPHELD` says itself which comments it obeys; others are marked by all.
    """
    if engine not in UPHELD:
        return ACCEPTED if _marks(line, rule) else None
    if hit.accepted:
        return ACCEPTED
    if is_use_in_tests(rule, hit.path):
        return IN_TESTS
    return UNREAD_MARK if "noqa" in _marks(line, rule) else None


def _marks(line: str, rule: str) -> set[str]:
    """Return the marks on a line, `noqa` and `nosec`, that accept a rule.

    With codes, a comment accepts only these; without codes, `nosec` accepts security rules, and `noqa` all.
    """
    accepting = set()
    for kind, listed in _SUPPRESSION.findall(line):
        codes = tuple(canonical_rule(code) for code in re.split(r"[,\s]+", listed) if code)
        if rule.startswith(codes or ("S", "DUO")) or (kind.lower() == "noqa" and not codes):
            accepting.add(kind.lower())
    return accepting
