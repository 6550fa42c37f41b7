"""Summaries of the patterns that decide something: votes, reviews, labels, checks."""

from collections.abc import Sequence
from typing import Any

from langgraph_parallel.records.finding import SEVERITIES
from langgraph_parallel.report.wording import count
from langgraph_parallel.tools.quoting import Block, Line, said
from langgraph_parallel.tools.summary import Output, counted, get, notice, support_of, text, voters_of


def summarise_voting(output: Output) -> list[Block]:
    """Return the verdict, its support, and who dissents."""
    verdict = output.get("verdict")
    dissent = get(verdict, "dissent") or []
    counts = get(verdict, "counts") or []
    lines: list[Line] = [_choice(verdict)]
    if note := get(verdict, "note"):
        lines.append(["Note: ", said(note)])
    lines += [["Warning: ", said(warning)] for warning in get(verdict, "warnings") or []]
    others = [
        ["- ", said(get(one, "choice")), f": {count(get(one, 'votes'), 'vote')}"]
        for one in counts
        if get(one, "choice") != get(verdict, "choice")
    ]
    against = [_dissent(one) for one in dissent]
    parts = [
        ["- ", said(name), ": ", *_choice(part, "")] for name, part in (get(verdict, "parts") or {}).items()
    ]
    return [
        Block(lines, most=120, share=0.7),
        Block(parts, "By part:" if parts else ""),
        Block(others, "Other choices:" if others else "", 30, 0.4),
        Block(against, f"Dissent ({len(dissent):,}):" if against else ""),
    ]


def _dissent(ballot: Any) -> Line:
    line = ["- ", said(get(ballot, "voter")), " chose ", said(get(ballot, "choice"))]
    reason = get(ballot, "rationale")
    return [*line, ": ", said(reason)] if reason else line


def _choice(verdict: Any, title: str = "Verdict: ") -> list[str]:
    """Return the choice with its support, and that it is no decision if it is none."""
    status, choice = get(verdict, "status"), get(verdict, "choice")
    shown: str = "no choice" if choice is None else said(choice)
    if status != "decided" and get(verdict, "decided_by") == "person":
        why = f"no decision ({str(status).replace('_', ' ')}), a person left it undecided"
        of = support_of(get(verdict, "support"))
        leads = [] if choice is None else ["; the rule proposed ", shown, f", {of} voters for it"]
        return [title, why, *leads, "."]
    decided = "decided" if status == "decided" else f"NOT DECIDED ({str(status).replace('_', ' ')})"
    by = get(verdict, "decided_by", "rule")
    who = f"the rule {get(verdict, 'rule')}" if by == "rule" else f"a {by}"
    return [title, shown, f", {voters_of(get(verdict, 'support'))} for it; {decided} by {who}."]


def summarise_debate(output: Output) -> list[Block]:
    """Return the verdict, as of a vote."""
    turns = output.get("transcript") or []
    rounds = max((get(turn, "round") for turn in turns), default=0)
    return [*summarise_voting(output), Block([[f"{count(rounds, 'round')} of arguments."]])]


def summarise_review(output: Output) -> list[Block]:
    """Return the findings, the gravest first, and what was not reviewed."""
    review, found = output.get("review"), output.get("findings")
    findings = sorted(
        found if found is not None else get(review, "findings") or [],
        key=lambda one: (not get(one, "confirmed"), SEVERITIES.index(get(one, "severity"))),
    )
    numbers = [sum(get(one, "severity") == each for one in findings) for each in SEVERITIES]
    counts = ", ".join(f"{number:,} {each}" for number, each in zip(numbers, SEVERITIES, strict=True))
    title = f"{count(len(findings), 'finding')}: {counts}." if findings else "No findings."
    uncovered = [
        item
        for key in ("skipped", "not_reviewed", "unread")
        for item in get(get(review, "coverage"), key) or []
        if get(item, "uncovered")
    ]
    unread = [["- ", said(get(item, "path")), ": ", said(get(item, "reason"))] for item in uncovered]
    return [
        *notice(review),
        Block(unread, f"NOT REVIEWED ({len(unread):,}):" if unread else "", 40, 0.3),
        Block([_finding(one) for one in findings], title, 90),
    ]


def _finding(one: Any) -> list[str]:
    lines = get(one, "lines")
    first, last = get(lines, "first"), get(lines, "last")
    place = f"{first}" if first == last else f"{first}-{last}"
    doubt = "" if get(one, "confirmed") else " unconfirmed"
    fix: list[str] = [" fix: ", said(get(one, "suggestion"))] if get(one, "suggestion") else []
    head = f"- {get(one, 'severity')}{doubt}, {voters_of(get(one, 'support'))}, "
    return [head, said(get(one, "path")), f" line {place}: ", said(get(one, "message")), *fix]


def summarise_labeling(output: Output) -> list[Block]:
    """Return the labels, those first that a person should check."""
    labels, queue = output.get("labels") or [], output.get("queue") or []
    contested: list[Line] = [
        ["- ", said(get(one, "item")), ": ", said(get(one, "label")), f" {support_of(get(one, 'support'))}"]
        for one in queue
    ]
    each: list[Line] = [
        ["- ", said(get(one, "item")), ": ", said(get(one, "label")), f" {support_of(get(one, 'support'))}"]
        for one in labels
        if not get(one, "contested")
    ]
    return [
        counted(output.get("counts") or {}, f"{count(len(labels), 'item')} labelled:"),
        Block(contested, f"A person should check {len(queue):,}:" if queue else "", 40, 0.6),
        Block(each, "Clear labels:" if each else "", 40),
    ]


def summarise_moderation(output: Output) -> list[Block]:
    """Return the decision, and the checks."""
    moderation = output.get("moderation")
    outcomes = get(moderation, "outcomes") or []
    status = str(output.get("status") or get(moderation, "status")).replace("_", " ")
    return [Block([[f"Decision: {status}."]]), *notice(moderation), _checks(outcomes)]


def _checks(outcomes: Sequence[Any]) -> Block:
    """Return the checks, those that flag first, then those that did not run."""
    order = ("flagged", "undecided", "not_run", "not_assessed", "clean")
    lines: list[Line] = []
    for one in sorted(outcomes, key=lambda each: order.index(get(each, "status"))):
        support = get(one, "support")
        line: list[str] = ["- ", said(get(one, "check"))]
        line.append(
            f": {get(one, 'status').replace('_', ' ')}" + (f", {voters_of(support)}" if support else "")
        )
        if spans := get(one, "spans"):
            line += [", in ", said([get(span, "text") for span in spans])]
        if why := get(one, "reasons"):
            line += [", because ", said(why)]
        if error := get(one, "error"):  # a part of a check may have failed beside what was found
            line += [", not complete: " if why or spans else ", because ", said(error)]
        lines.append(line)
    return Block(lines, "Checks:" if lines else "", 80)


def summarise_guarded(output: Output) -> list[Block]:
    """Return the answer, or why it is withheld."""
    released = output.get("released")
    shown = ("Answer", output.get("answer")) if released else ("Withheld", output.get("reason"))
    status = "Released." if released else "WITHHELD: the answer may not be used."
    return [Block([[status]]), text(*shown, 0.8), _checks(output.get("outcomes") or [])]
