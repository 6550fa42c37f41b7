"""Check a plan before anything is asked. Pure: of its text and of what there is, nothing else."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from langgraph_parallel.counted import count
from langgraph_parallel.errors import UnknownRule, UnknownStop, UsageError
from langgraph_parallel.reducers.staging import find_cycle
from langgraph_parallel.reducers.votes.rules import Rule, as_rule, ballot_form, with_candidates
from langgraph_parallel.reducers.votes.stops import STOPS, Stop, as_stop
from langgraph_parallel.tools.plan import Plan, PlannedSection
from langgraph_parallel.tools.plan_terms import RULE_NAMES, Terms, quoted

_TOLD = 3
"""Faults that a refusal tells; the others are counted."""
_MOST_ARGUMENT = 4
"""Digits of a number in a rule or a stop."""
_MOST_CHARACTERS = 5_000_000
"""Characters of all sections together, each with the context."""
_CIRCLE = 6
"""Ids of a circle that are named."""
_EXAMPLES = {"rule": "threshold(0.7)", "stop": "ahead_by(2)"}

PolicyT = TypeVar("PolicyT")


def check_plan(plan: Plan, terms: Terms) -> list[str]:
    """Return the faults of a plan, each in words that say how to mend it; empty if it can be run."""
    if not plan.sections:
        return ["the plan has no sections; add at least one"]
    if (number := len(plan.sections)) > terms.max_sections:
        return [f"the plan has {number:,} sections; expected at most {terms.max_sections:,}: unite some"]
    return [
        *_check_ids(plan.sections),
        *(fault for section in plan.sections for fault in _check_section(section, terms)),
        *_check_needs(plan.sections),
        *_check_join(plan, terms),
        *_check_size(plan, terms),
    ]


def refusal(faults: Sequence[str]) -> str:
    """Return the one line by which a plan is refused."""
    more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
    return f"{'; '.join(faults[:_TOLD])}{more}"


def _check_ids(sections: Sequence[PlannedSection]) -> Iterator[str]:
    counts = Counter(section.id for section in sections)
    for number, section in enumerate(sections):
        if not section.id.strip():
            yield f"sections[{number}] has an empty id; give it a name"
    if repeated := [name for name, count in counts.items() if count > 1]:
        yield f"{counts[repeated[0]]} sections have the id {quoted(repeated[0])}; give each its own"


def _check_section(section: PlannedSection, terms: Terms) -> Iterator[str]:
    name = f"section {quoted(section.id)}"
    if not section.instructions.strip():
        yield f"{name} has no instructions; say what to do"
    known = ", ".join(map(quoted, terms.workers))
    if section.worker is None and len(terms.workers) > 1:
        yield f"{name} has no worker; choose one of {known}"
    elif section.worker is not None and section.worker not in terms.workers:
        yield f"{name} has the unknown worker {quoted(section.worker)}; choose one of {known}"
    card = terms.workers.get(worker_of(section, terms))
    if card is not None and section.needs and card.why_no_needs and not is_vote(section):
        yield f"{name} has needs, but its worker {card.why_no_needs}; drop the needs"
    yield from _check_vote(name, section, terms)


def worker_of(section: PlannedSection, terms: Terms) -> str:
    """Return the name of a section's worker: the only one, if it names none."""
    return next(iter(terms.workers)) if section.worker is None else section.worker


def is_vote(section: PlannedSection) -> bool:
    """Return whether several answers to a section are counted."""
    return section.voters is not None and section.voters > 1


def _check_vote(name: str, section: PlannedSection, terms: Terms) -> Iterator[str]:
    told = {"rule": section.rule, "stop": section.stop, "choices": section.choices}
    given = [key for key, value in told.items() if value is not None]
    if section.voters is not None and not 1 <= section.voters <= terms.max_voters:
        yield f"{name} has {_voters(section.voters)}; expected 2 to {terms.max_voters}"
        return
    if not is_vote(section):
        if given:
            has = "one voter" if section.voters else "no voters"
            yield (
                f"{name} has {' and '.join(given)}, but {has}; set voters to 2 to {terms.max_voters}, or "
                f"leave out {' and '.join(given)}"
            )
        return
    card = terms.workers.get(worker_of(section, terms))
    if card is not None and card.why_no_voter:
        yield f"{name} has voters, but its worker {card.why_no_voter}; leave out voters"
    rule, stop = _read_rule(section.rule), _read_stop(section.stop)
    if isinstance(rule, str):
        yield f"{name}: {rule}"
    if isinstance(stop, str):
        yield f"{name}: {stop}"
    if not isinstance(rule, str):
        yield from (f"{name}: {fault}" for fault in _check_choices(section.choices, rule))
        if not isinstance(stop, str):
            try:
                stop.check(with_candidates(rule, section.choices))
            except UsageError as error:
                yield f"{name}: {error}"


def _voters(number: int) -> str:
    return count(number, "voter") if abs(number) < 10**9 else "too many voters"


def _read_rule(text: str | None) -> Rule | str:
    """Return the rule that a text names, or what is wrong with it."""
    rule = _read("rule", "majority" if text is None else text, RULE_NAMES, as_rule)
    if not isinstance(rule, str) and rule.name not in RULE_NAMES:
        return (
            f"rule {quoted(text)} needs a form that a plan cannot give; choose one of {_listed(RULE_NAMES)}"
        )
    return rule


def _read_stop(text: str | None) -> Stop | str:
    """Return the stop that a text names, or what is wrong with it."""
    return _read("stop", "decided" if text is None else text, STOPS, as_stop)


def _read(kind: str, text: str, known: Collection[str], read: Callable[[str], PolicyT]) -> PolicyT | str:
    if fault := _check_argument(text):
        return f"{kind} {fault}"
    try:
        return read(text)
    except (UnknownRule, UnknownStop):
        if text.partition("(")[0].strip() in known:
            return f"{kind} {quoted(text)} cannot be read; write its number as in {_EXAMPLES[kind]}"
        return f"{quoted(text)} is not a {kind}; choose one of {_listed(known)}"
    except UsageError as error:
        return f"{kind} {quoted(text)}: {_one_line(error)}"


def _listed(names: Collection[str]) -> str:
    return ", ".join(names)


def _check_argument(text: str) -> str:
    """Return what is wrong with the numbers of a policy: a huge one would cost time before any call."""
    digits = "".join(char if char.isdigit() else " " for char in text).split()
    if any(len(number) > _MOST_ARGUMENT for number in digits) or any(char in text for char in "[{*"):
        return f"{quoted(text)} has an argument that is not a short number; write it as in threshold(0.7)"
    return ""


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _check_choices(choices: Sequence[str] | None, rule: Rule) -> Iterator[str]:
    form = ballot_form(rule)
    if choices is None:
        if form == "ranking":
            yield f"rule {rule.name} ranks choices, and there are none; add choices"
        return
    if len(choices) < 2:
        yield f"choices has {len(choices)} answer{'' if choices else 's'}; expected at least 2"
    if repeated := [one for one, count in Counter(map(str.casefold, choices)).items() if count > 1]:
        yield f"choices has {quoted(repeated[0])} more than once; name each once"
    if any(not choice.strip() for choice in choices):
        yield "choices has an empty answer; leave it out"
    if form in ("number", "score"):
        yield f"rule {rule.name} decides among numbers, but choices are texts; leave out choices"


def _check_needs(sections: Sequence[PlannedSection]) -> Iterator[str]:
    ids = {section.id for section in sections}
    for section in sections:
        if section.id in section.needs:
            yield f"section {quoted(section.id)} needs itself; drop the need"
        if unknown := [need for need in section.needs if need not in ids]:
            yield (
                f"section {quoted(section.id)} needs {quoted(unknown[0])}, which is not in the plan; add it, "
                "or drop the need"
            )
    needs: Mapping[str, list[str]] = {
        section.id: [need for need in section.needs if need in ids and need != section.id]
        for section in sections
    }
    if circle := find_cycle(needs):
        shown = circle if len(circle) <= _CIRCLE else [*circle[: _CIRCLE - 1], "...", circle[-1]]
        names = " -> ".join("..." if name == "..." else quoted(name, 20) for name in shown)
        yield f"sections need each other in a circle: {names}; drop one of these needs"


def _check_join(plan: Plan, terms: Terms) -> Iterator[str]:
    known = ", ".join(terms.joins)
    if plan.join.how not in terms.joins:
        yield f"join.how is {quoted(plan.join.how)}; choose one of {known}"
    elif plan.join.instructions.strip() and plan.join.how != "summarise":
        way = "set how to summarise, or leave them out" if "summarise" in terms.joins else "leave them out"
        yield f"join has instructions, but {plan.join.how} follows none; {way}"


def _check_size(plan: Plan, terms: Terms) -> Iterator[str]:
    answers = sum(section.voters if is_vote(section) and section.voters else 1 for section in plan.sections)
    if answers > terms.max_calls and all((s.voters or 1) <= terms.max_voters for s in plan.sections):
        yield (
            f"the plan asks for {answers:,} answers (sections times voters); expected at most "
            f"{terms.max_calls:,}: take fewer sections or voters"
        )
    size = sum(len(section.instructions) + len(plan.context) for section in plan.sections)
    if size > _MOST_CHARACTERS:
        yield (
            f"all sections together, each with the context, have {size:,} characters; expected at most "
            f"{_MOST_CHARACTERS:,}: shorten the context, or take fewer sections"
        )
