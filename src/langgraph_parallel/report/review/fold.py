"""What is one thing is one: repeats of a rule in a file are folded, and what is left is folded by rule.

Folds are ordered by gravity: severity, then the first of each rule before its repeats in other files, then
the aspects in the order of the request.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from langgraph_parallel.records import SEVERITIES, Finding, Severity

_FEW = 5
"""Lines that are named of one fold."""


@dataclass(frozen=True)
class Fold:
    """Findings that are one thing: of one rule in one file, or of one rule in several; never empty."""

    findings: tuple[Finding, ...]

    @property
    def head(self) -> Finding:
        """The finding that stands for all."""
        return self.findings[0]

    @property
    def severity(self) -> Severity:
        """The severity, which all have."""
        return self.head.severity

    @property
    def by_model(self) -> bool:
        """Whether a model reported it, so that its explanation is about this place."""
        return any(claim.code is None for claim in self.head.provenance)

    @property
    def name(self) -> str:
        """The rule, else the aspect, with the number of findings: `F405 x 72`."""
        name = self.head.rule or self.head.aspect
        return name if len(self.findings) == 1 else f"{name} x {len(self.findings):,}"

    @property
    def lines(self) -> str:
        """Where it is in its file: `line 3`, or a few lines and the number of the others."""
        if len(self.findings) == 1:
            return f"line {self.head.lines}"
        shown = ", ".join(str(finding.lines) for finding in self.findings[:_FEW])
        more = len(self.findings) - _FEW
        return f"lines {shown} and {more:,} more" if more > 0 else f"lines {shown}"

    @property
    def places(self) -> str:
        """Where it is: `a.py:3`, `in a.py:3` for the first of several, or `in 45 files, such as a.py:3`."""
        files = len({finding.path for finding in self.findings})
        first = f"{self.head.path}:{self.head.lines.first}"
        if len(self.findings) == 1:
            return first
        return f"in {files:,} files, such as {first}" if files > 1 else f"in {first}"


def fold_in_files(findings: Iterable[Finding]) -> list[Fold]:
    """Fold the repeats of each rule in each file; findings of models stay apart unless they say the same.

    Returns:
        The folds by path, then the gravest first.
    """
    by_key: dict[tuple[object, ...], list[Finding]] = {}
    for finding in sorted(findings, key=lambda one: (one.path, SEVERITIES.index(one.severity), *_place(one))):
        by_key.setdefault(_fold_key(finding), []).append(finding)
    return [Fold(tuple(folded)) for folded in by_key.values()]


def fold_by_rule(folds: Iterable[Fold]) -> list[Fold]:
    """Fold the folds of several files by rule, severity and doubt, the gravest and most frequent first."""
    by_key: dict[tuple[object, ...], list[Finding]] = {}
    for fold in folds:
        head = fold.head
        key = (head.severity, head.rule or head.aspect, head.doubt)
        by_key.setdefault(key, []).extend(fold.findings)
    united = [Fold(tuple(findings)) for findings in by_key.values()]
    return sorted(united, key=lambda one: (SEVERITIES.index(one.severity), -len(one.findings), one.name))


def by_gravity(folds: Iterable[Fold], aspects: Sequence[str]) -> list[Fold]:
    """Order folds by gravity.

    Args:
        folds: in any order.
        aspects: their order of importance.
    """
    ranks = {name: rank for rank, name in enumerate(aspects)}
    seen: Counter[str | None] = Counter()
    keyed = []
    for fold in sorted(folds, key=lambda one: _gravity(one, ranks)):
        repeat = seen[fold.head.rule] if fold.head.rule else 0
        seen[fold.head.rule] += 1
        keyed.append((SEVERITIES.index(fold.severity), repeat, fold))
    return [fold for *_, fold in sorted(keyed, key=lambda item: item[:2])]


def by_file(folds: Iterable[Fold]) -> dict[str, list[Fold]]:
    """Group folds by path: first the files with the gravest finding, and of these those with the most."""
    files: dict[str, list[Fold]] = defaultdict(list)
    for fold in folds:
        files[fold.head.path].append(fold)
    for in_file in files.values():
        in_file.sort(key=lambda one: SEVERITIES.index(one.severity))

    def gravity(path: str) -> tuple[int, int, str]:
        gravest = files[path][0].severity
        number = sum(len(fold.findings) for fold in files[path] if fold.severity == gravest)
        return SEVERITIES.index(gravest), -number, path

    return {path: files[path] for path in sorted(files, key=gravity)}


def _fold_key(finding: Finding) -> tuple[object, ...]:
    by_model = any(claim.code is None for claim in finding.provenance)
    what = (finding.message, finding.explanation) if by_model or finding.rule is None else finding.rule
    return finding.path, finding.severity, finding.confirmed, finding.doubt, finding.aspect, what


def _place(finding: Finding) -> tuple[int, int, str]:
    return finding.lines.first, finding.lines.last, finding.id


def _gravity(fold: Fold, ranks: Mapping[str, int]) -> tuple[object, ...]:
    head = fold.head
    rank = min((ranks.get(aspect, len(ranks)) for aspect in head.aspects), default=len(ranks))
    return SEVERITIES.index(head.severity), rank, -head.support.share, head.path, *_place(head)
