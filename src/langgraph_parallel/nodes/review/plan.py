"""Plan a review: from files to questions, each answered by one vote."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from langgraph_parallel.nodes.text.chunks import cut
from langgraph_parallel.offline import StaticVoter, families_for
from langgraph_parallel.offline.file_kinds import is_python
from langgraph_parallel.records import Aspect, Part, ReviewQuestion, Skipped
from langgraph_parallel.records.review import UNREAD_BY_ENGINES
from langgraph_parallel.records.review_question import STATIC_VOTER, model_voter
from langgraph_parallel.reducers.findings.source_code import is_code
from langgraph_parallel.runtime.tokens import estimate_tokens

_ENGINE_TOKENS = 300_000
"""Engines have no context window; this keeps a single process from taking minutes."""


@dataclass(frozen=True)
class ReviewPlan:
    """The questions, and what no question covers."""

    questions: list[ReviewQuestion]
    skipped: list[Skipped]
    """Files that no voter reads."""
    idle: dict[str, str]
    """Reasons by name of aspects without a question."""


def plan_review(
    parts: Sequence[Part],
    aspects: Sequence[Aspect],
    *,
    readers: int,
    engines: bool,
    max_tokens: int,
) -> ReviewPlan:
    """Divide parts into questions: one for each aspect of each batch of parts.

    Small files share a batch and long ones are cut. Every line under review is in a question of every aspect
    that some voter can judge.

    Args:
        parts: files, or parts of them, under review.
        aspects: what to look for.
        readers: number of model voters; 0 for a review by engines alone.
        engines: whether static engines vote.
        max_tokens: most tokens of the code in one prompt, with its line numbers.
    """
    skipped = [Skipped(path=part.path, reason="empty") for part in parts if not part.text.strip()]
    parts = [part for part in parts if part.text.strip()]
    if not readers:
        skipped += [
            Skipped(path=part.path, reason=_unreadable(part), uncovered=is_code(part.path))
            for part in parts
            if not _readable(part)
        ]
    batches, whole_files = _batch_parts(parts, readers, max_tokens)
    questions, idle = [], {}
    for aspect in aspects:
        questions_of_aspect = [
            *_questions(aspect, batches, readers, engines),
            *_questions(aspect, whole_files, 0, engines, joint=True, start=len(batches)),
        ]
        questions += questions_of_aspect
        if not questions_of_aspect:
            idle[aspect.name] = _why_idle(aspect, readers, parts)
    skipped += _unasked(parts, questions, skipped)
    questions.sort(key=lambda question: int(question.id.rpartition("/")[2]))
    return ReviewPlan(questions, _once(skipped), idle)


def _unasked(
    parts: Sequence[Part], questions: Iterable[ReviewQuestion], skipped: Iterable[Skipped]
) -> list[Skipped]:
    """Return the parts that no voter is asked about, such as code if only tests are judged."""
    known = {part.path for question in questions for part in question.parts}
    known |= {item.path for item in skipped}
    reason = "no voter judges such a file under these aspects"
    return [
        Skipped(path=part.path, reason=reason, uncovered=is_code(part.path))
        for part in parts
        if part.path not in known
    ]


def numbered(part: Part) -> str:
    """Render a part for a model: the path, then each line with its number, and `+` if it has changed."""
    changed = {n for lines in part.changed or [] for n in range(lines.first, lines.last + 1)}
    rows = [f"{n:>5}{'+' if n in changed else ' '}| {line}" for n, line in enumerate(part.lines, part.first)]
    return "\n".join([f"=== {' '.join(part.path.split())}", *rows])


def _batch_parts(
    parts: Sequence[Part], readers: int, max_tokens: int
) -> tuple[list[list[Part]], list[list[Part]]]:
    """Return batches for one prompt each, and batches of long files, which engines read whole."""
    if not readers:
        return _batches(filter(_readable, parts), _ENGINE_TOKENS), []
    pieces = [piece for part in parts for piece in _pieces(part, max_tokens)]
    long = [part for part in parts if part.whole and _tokens(part) > max_tokens]
    return _batches(pieces, max_tokens), _batches(long, _ENGINE_TOKENS)


def _questions(
    aspect: Aspect,
    batches: Iterable[list[Part]],
    readers: int,
    engines: bool,
    *,
    joint: bool = False,
    start: int = 0,
) -> list[ReviewQuestion]:
    questions_of_aspect = []
    for number, batch in enumerate(batches, start + 1):
        voters = [model_voter(i) for i in range(1, readers + 1)]
        if engines:
            voters += _engine_voters(aspect, batch, joint=joint or readers > 0)
        if voters:
            questions_of_aspect.append(
                ReviewQuestion(
                    id=f"{aspect.name}/{number}",
                    title=_title(batch),
                    aspect=aspect,
                    parts=batch,
                    voters=voters,
                )
            )
    return questions_of_aspect


def _engine_voters(aspect: Aspect, batch: Sequence[Part], *, joint: bool) -> list[str]:
    able = [family for family in families_for(aspect.name) if StaticVoter.readable(batch, [family])]
    return [STATIC_VOTER] if able and joint else [family.name for family in able]


def _pieces(part: Part, max_tokens: int) -> list[Part]:
    """Cut a part that is too long into pieces; drop pieces without a line under review."""
    if _tokens(part) <= max_tokens:
        return [part]
    pieces = [
        Part(
            path=part.path,
            first=part.first + piece.first - 1,
            text=piece.text,
            whole=False,
            changed=part.changed,
        )
        for piece in cut(part.text, max_tokens, count=_count)
    ]
    return [piece for piece in pieces if piece.text.strip() and piece.under_review(piece.span)]


def _batches(parts: Iterable[Part], max_tokens: int) -> list[list[Part]]:
    """Batch parts, in order, up to `max_tokens`."""
    batches: list[list[Part]] = []
    batch_tokens = 0
    for part in parts:
        more = _tokens(part)
        if batches and batch_tokens + more <= max_tokens:
            batches[-1].append(part)
            batch_tokens += more
        else:
            batches.append([part])
            batch_tokens = more
    return batches


def _count(text: str) -> int:
    """Count the tokens of lines with their numbers."""
    return estimate_tokens(text) + 3 * (text.count("\n") or 1)


def _tokens(part: Part) -> int:
    return _count(part.text) + estimate_tokens(part.path) + 2


def _title(batch: Sequence[Part]) -> str:
    first = batch[0]
    place = first.path if first.whole else f"{first.path}:{first.span}"
    return place if len(batch) == 1 else f"{place} +{len(batch) - 1}"


def _readable(part: Part) -> bool:
    return part.whole and is_python(part.path, part.text)


def _unreadable(part: Part) -> str:
    if not part.whole:
        return "only fragments of the file were given, and engines need the whole file"
    return f"{UNREAD_BY_ENGINES}; a model would"


def _why_idle(aspect: Aspect, readers: int, parts: Sequence[Part]) -> str:
    if not parts:
        return "there was nothing to review"
    if readers:
        return "there was nothing to ask about"
    return (
        "no static engine can judge it here"
        if families_for(aspect.name)
        else "no static engine judges this aspect"
    )


def _once(skipped: Iterable[Skipped]) -> list[Skipped]:
    return list(dict.fromkeys(sorted(skipped, key=lambda item: item.path)))
