"""The findings of a report in a given number of lines: the gravest in full, the others folded."""

from collections.abc import Sequence
from itertools import groupby

from langgraph_parallel.records import Review
from langgraph_parallel.report.review.fold import Fold, by_file, by_gravity, fold_by_rule, fold_in_files
from langgraph_parallel.report.review.wording import SEE_ALL, UNCONFIRMED, line_in_file, line_of_rule
from langgraph_parallel.report.review.writer import Lines, Writer, clip
from langgraph_parallel.report.wording import count

_GRAVEST = 10
"""Findings that a report leads with."""
_MOST_OF_ONE = 14
"""Lines of one finding."""
_MOST_RULES = 12
"""Rules of one file."""
_MOST_SHORT = 2
"""Lines of a finding that is shown in short, and of the heading of a file."""
_MOST_HELD = 60
"""Lines that are kept for later findings in short before one of a model is shown in full."""
_MOST_REST = 22
_MOST_UNCONFIRMED = 50
_MOST_UNCONFIRMED_IN_FULL = 25
"""Lines of the parts."""


class FindingsPart:
    """The part of a report that has the findings.

    Args:
        review: the review.
        writer: of the format.
        room: most lines.
    """

    def __init__(self, review: Review, writer: Writer, room: int) -> None:
        self._writer = writer
        self._room = room
        aspects = [aspect.name for aspect in review.aspects]
        self._folds = by_gravity(fold_in_files(review.confirmed), aspects)
        self._unconfirmed = by_gravity(fold_in_files(review.unconfirmed), aspects)
        self._explained: set[str] = set()
        self._is_folded = any(len(fold.findings) > 1 for fold in self._folds + self._unconfirmed)

    def write(self) -> Lines:
        """Return the lines; the last ones say how to see what is folded."""
        room = self._room
        unconfirmed, note = self._write_unconfirmed(), self._writer.note(SEE_ALL)
        self._room -= len(unconfirmed) + len(note)
        gravest, others = self._write_gravest()
        self._room -= len(gravest)
        lines = [*gravest, *self._write_files(others), *unconfirmed]
        return clip(lines, room - len(note)) + (note if self._is_folded else [])

    def _write_gravest(self) -> tuple[Lines, Sequence[Fold]]:
        """Return the lines of the gravest findings, and all other findings."""
        if not self._folds:
            return [], []
        is_all = len(self._folds) <= _GRAVEST
        lines = self._writer.title("Findings" if is_all else "The gravest findings")
        shown = 0
        for path, in_file in groupby(self._folds[:_GRAVEST], key=lambda fold: fold.head.path):
            heading = self._writer.file(path)
            for fold in in_file:
                block = heading + self._write_finding(fold)
                if shown and len(lines) + len(block) > self._room - _MOST_REST:
                    return lines, self._folds[shown:]
                lines += block
                shown += 1
                heading = []
        return lines, self._folds[shown:]

    def _write_finding(self, fold: Fold) -> Lines:
        """Render a finding; why a rule matters and what to do is said once."""
        rule = None if fold.by_model else fold.head.rule
        lines = self._writer.finding(fold, explain=rule is None or rule not in self._explained, full=False)
        if rule is not None:
            self._explained.add(rule)
        clipped = clip(lines, _MOST_OF_ONE)
        self._is_folded |= clipped != lines
        return clipped

    def _write_files(self, folds: Sequence[Fold]) -> Lines:
        """Render files as long as there is room, and the rest by rule."""
        files = by_file(folds)
        blocks: list[Lines] = []
        length = fitting = fitting_length = 0
        short = sum(_MOST_SHORT * (1 + len(in_file)) for in_file in files.values())
        for path, in_file in files.items():
            short -= _MOST_SHORT * (1 + len(in_file))
            blocks.append(self._write_file(path, in_file, self._room - length - min(short, _MOST_HELD)))
            length += len(blocks[-1])
            if length <= self._room - _MOST_REST:
                fitting, fitting_length = len(blocks), length
            if length > self._room:
                break
        else:
            fitting, fitting_length = len(blocks), length
        lines = [line for block in blocks[:fitting] for line in block]
        rest = [fold for in_file in [*files.values()][fitting:] for fold in in_file]
        return lines + (self._write_rest(rest, self._room - fitting_length) if rest else [])

    def _write_file(self, path: str, in_file: Sequence[Fold], room: int) -> Lines:
        lines = self._writer.file(path)
        shown = in_file[:_MOST_RULES]
        for number, fold in enumerate(shown):
            long = self._write_finding(fold) if fold.by_model else []
            fits = len(lines) + len(long) + _MOST_SHORT * (len(shown) - number - 1) <= room
            lines += long if long and fits else self._writer.item(line_in_file(fold), fold.severity)
            self._is_folded |= fold.by_model and not fits
        if hidden := in_file[_MOST_RULES:]:
            self._is_folded = True
            findings = count(sum(len(fold.findings) for fold in hidden), "finding")
            lines += self._writer.item(
                f"and {findings} more: {', '.join(fold.name for fold in hidden[:_MOST_RULES])}"
            )
        return lines

    def _write_rest(self, rest: Sequence[Fold], room: int) -> Lines:
        self._is_folded = True
        files = count(len({fold.head.path for fold in rest}), "file")
        number = count(sum(len(fold.findings) for fold in rest), "finding")
        return self._by_rule(self._writer.title(f"The rest: {number} in {files}, by rule"), rest, room)

    def _write_unconfirmed(self) -> Lines:
        """Render what is unconfirmed: what models said in full as long as there is room, the rest by rule."""
        if not self._unconfirmed:
            return []
        lines = [*self._writer.title("Unconfirmed"), *self._writer.paragraph(UNCONFIRMED)]
        rest: list[Fold] = []
        for path, in_file in by_file(fold for fold in self._unconfirmed if fold.by_model).items():
            heading = self._writer.file(path)
            for fold in in_file:
                block = heading + self._write_finding(fold)
                if len(lines) + len(block) > _MOST_UNCONFIRMED_IN_FULL:
                    rest.append(fold)
                    continue
                lines += block
                heading = []
        rest += [fold for fold in self._unconfirmed if not fold.by_model]
        return self._by_rule(lines, rest, _MOST_UNCONFIRMED)

    def _by_rule(self, lines: Lines, folds: Sequence[Fold], most: int) -> Lines:
        """Add a line for each rule up to a number of lines; say how many findings have none."""
        rules = fold_by_rule(folds)
        for number, fold in enumerate(rules):
            item = self._writer.item(line_of_rule(fold), fold.severity)
            if len(lines) + len(item) >= most and number < len(rules) - 1:
                self._is_folded = True
                findings = count(sum(len(other.findings) for other in rules[number:]), "finding")
                more = count(len(rules) - number, "more rule")
                return [*lines, *self._writer.item(f"and {findings} of {more}")]
            self._is_folded |= len(fold.findings) > 1
            lines = [*lines, *item]
        return lines
