"""A person's decisions on undecided votes: what may be decided, and what a decision means."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import JsonValue

from langgraph_parallel.nodes.vote.judge import render_choice
from langgraph_parallel.records import Answer, Escalation
from langgraph_parallel.records.numbers import as_state, exact
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.normalise import find_choice
from langgraph_parallel.runtime.decided import Decision, Decisions, decisions_on
from langgraph_parallel.runtime.text_form import json_in


def expected(escalations: Sequence[Escalation], form: Mapping[str, Any]) -> type[Decisions]:
    """Return the type of the answer: one valid decision for each escalation.

    Args:
        escalations: that a person decides on.
        form: in which they are shown.
    """

    def check(decisions: Sequence[Decision]) -> None:
        for escalation, decision in zip(escalations, decisions, strict=True):
            answer_of(escalation, decision)

    return decisions_on(form, check)


def answer_of(escalation: Escalation, decision: Decision) -> Answer:
    """Return the answer that a decision means.

    Raises:
        ValueError: it is not possible; the message says what is.
    """
    note = decision.message or ""
    if decision.type == "reject":
        return Answer(path=escalation.path, note=note)
    if decision.type == "approve":
        choice = proposed(escalation)
        if choice is None:
            raise ValueError(
                f"{vote_name(escalation)}: there is no proposed choice to approve; edit or reject it"
            )
        return Answer(path=escalation.path, choice=choice, note=note)
    choice = decision.edited.get("choice")
    if choice is None or (choice == "" and "" not in (escalation.choices or [])):
        raise ValueError(f"{vote_name(escalation)}: an edit needs edited_action.args.choice")
    return Answer(path=escalation.path, choice=_fitting(escalation, choice), note=note)


def _fitting(escalation: Escalation, choice: JsonValue) -> JsonValue:
    """Return a choice in the form of the rule's choice.

    Raises:
        ValueError: it has another form, or is not a valid answer.
    """
    if escalation.form not in ("one", "ranking"):
        choice = json_in(choice)  # UIs edit everything as text
    if escalation.form == "fields":
        if not isinstance(choice, dict):
            raise ValueError(
                f"{vote_name(escalation)}: {render_choice(choice)} is not a mapping; expected the fields "
                "of the choice"
            )
        return {name: _valid(escalation, one) for name, one in choice.items()}
    if escalation.form in ("list", "items"):
        if not isinstance(choice, list):
            raise ValueError(
                f"{vote_name(escalation)}: {render_choice(choice)} is not a list; expected a list of choices"
            )
        return [_valid(escalation, one) for one in choice]
    valid = _valid(escalation, choice)
    if escalation.form == "number" and exact(valid) is None:
        raise ValueError(
            f"{vote_name(escalation)}: {render_choice(choice)} is not a number; expected a number"
        )
    return valid


def _valid(escalation: Escalation, choice: JsonValue) -> JsonValue:
    """Return the valid answer that a choice matches.

    Raises:
        ValueError: it matches none.
    """
    known = escalation.choices or [count.choice for count in escalation.verdict.counts]
    # The interrupt shows an integer beyond 64 bits as the text of its digits, and an answer may be that text.
    shown = {canonical(as_state(one)): one for one in reversed(known)}
    choice = shown.get(canonical(choice), shown.get(canonical(json_in(choice)), choice))
    if escalation.choices is None:
        return choice
    found = find_choice(choice, escalation.choices)
    if found is None:
        listed = ", ".join(map(render_choice, escalation.choices))
        raise ValueError(f"{vote_name(escalation)}: {render_choice(choice)} is not one of {listed}")
    return found


def proposed(escalation: Escalation) -> JsonValue:
    """Return the choice to propose: the rule's own, or a single leader with too little support."""
    counts = escalation.verdict.counts
    if escalation.verdict.choice is not None:
        return escalation.verdict.choice
    if escalation.form == "list" or not counts or (len(counts) > 1 and counts[0].weight == counts[1].weight):
        return None
    return counts[0].choice


def vote_name(escalation: Escalation) -> str:
    """Return the name of a vote, after the branches around it."""
    return " > ".join([*escalation.path, escalation.title])
