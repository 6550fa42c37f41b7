"""Escalation: undecided votes are put before a person, all of a run in one interrupt."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.types import interrupt
from pydantic import BaseModel, Field, JsonValue, create_model, model_validator

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.branch import Handover, get_handover
from langgraph_parallel.nodes.fan_out.close import ClosingStep
from langgraph_parallel.nodes.fan_out.gathered import in_order
from langgraph_parallel.nodes.vote.fallback import reported
from langgraph_parallel.nodes.vote.judge import shown
from langgraph_parallel.nodes.vote.poll import VoteSettings
from langgraph_parallel.records import Answer, Escalation, Tally
from langgraph_parallel.reducers.votes.counting import overruled
from langgraph_parallel.reducers.votes.normalise import find_choice
from langgraph_parallel.reducers.votes.rules import chooses
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.run_report import escalated

ACTION = "decide_vote"
"""What agent UIs call the action that a person reviews."""


def escalate_node(settings: VoteSettings) -> Callable[..., Any]:
    """Make the node that puts an undecided vote before a person."""

    async def escalate(state: Any, config: RunnableConfig) -> dict[str, Any]:
        """Ask, or have the graph around ask, which has other branches to wait for."""
        question, verdict = state["question"], state["verdict"]
        choices = settings.choices
        held = Escalation(
            title=settings.label(question),
            question=str(question),
            verdict=verdict,
            choices=None if choices is None else list(choices),
            form=chooses(settings.rule),
        )
        answer = _answered(get_handover(config), held)
        closed = ClosingStep()
        if answer is None:
            closed.escalations.append(held)
        elif answer.choice is None:
            verdict = verdict.model_copy(update={"decided_by": "person", "note": answer.note})
        else:
            ballots = Tally.of(state["ballots"])
            verdict = overruled(verdict, ballots, answer.choice, decided_by="person", note=answer.note)
        return {"verdict": verdict, "report": reported(closed, state)}

    return escalate


def _answered(inside: Handover | None, held: Escalation) -> Answer | None:
    if inside is None:
        return ask_person([held])[0]
    return next((answer for answer in inside.answers if not answer.path), None)


async def escalate_all(state: Any, config: RunnableConfig) -> dict[str, Any]:
    """Put all undecided votes of a fan-out before a person at once, or have the graph around do so."""
    held = escalated(in_order(state["branches"]))
    if not held or get_handover(config) is not None:
        return {"answers": []}
    return {"answers": ask_person(held)}


def check_no_waiting(workers: Mapping[str, object]) -> None:
    """Make sure that no voter, nor a fallback, is a graph that may wait for a person.

    Raises:
        UsageError: one is.
    """
    for name, worker in workers.items():
        if isinstance(worker, ParallelGraph) and worker.governing.escalates:
            raise UsageError(
                f"{name} escalates what it cannot decide, and a vote cannot wait for a person within it; "
                "set on_undecided='escalate' on the vote around it"
            )


class _Edited(BaseModel):
    """What to do instead."""

    name: str = ACTION
    args: dict[str, JsonValue]


class _Decision(BaseModel):
    """What a person says to one undecided vote."""

    type: Literal["approve", "edit", "reject"]
    edited_action: _Edited | None = Field(None, description="With edit: args.choice is the choice.")
    message: str | None = Field(None, description="Why.")


class Decisions(BaseModel):
    """One decision for each action request, in their order."""

    decisions: list[_Decision]


def ask_person(escalations: Sequence[Escalation]) -> list[Answer]:
    """Raise one interrupt for all of them, in the shape that agent UIs render, and check what comes back.

    Raises:
        GraphInterrupt: nobody has answered yet.
        pydantic.ValidationError: the answer cannot be used; it can be given again.
    """
    given = interrupt(
        {
            "action_requests": [
                {
                    "name": ACTION,
                    "args": {"vote": _name(held), "choice": _proposed(held)},
                    "description": _description(held),
                }
                for held in escalations
            ],
            "review_configs": [
                {"action_name": ACTION, "allowed_decisions": _allowed(held), "args_schema": _schema(held)}
                for held in escalations
            ],
        },
        response_schema=_expected(escalations),
    )
    return [_answer(held, said) for held, said in zip(escalations, given.decisions, strict=True)]


def _expected(escalations: Sequence[Escalation]) -> type[Decisions]:
    """The type of the answer: as many decisions as there are questions, each of which can be carried out."""

    class Checked(Decisions):
        @model_validator(mode="after")
        def fits(self) -> "Checked":
            if len(self.decisions) != len(escalations):
                raise ValueError(
                    f"{len(escalations)} decisions are due, one for each action request, in order"
                )
            for held, said in zip(escalations, self.decisions, strict=True):
                _answer(held, said)
            return self

    return create_model("Decisions", __base__=Checked, __doc__=Decisions.__doc__)


def _answer(held: Escalation, said: _Decision) -> Answer:
    """What a decision means.

    Raises:
        ValueError: it cannot be carried out; the message says what can.
    """
    note = said.message or ""
    if said.type == "reject":
        return Answer(path=held.path, note=note)
    if said.type == "approve":
        choice = _proposed(held)
        if choice is None:
            raise ValueError(f"{_name(held)}: nothing is proposed that could be approved; edit or reject it")
        return Answer(path=held.path, choice=choice, note=note)
    wanted = said.edited_action.args.get("choice") if said.edited_action else None
    if wanted is None:
        raise ValueError(f"{_name(held)}: an edit needs edited_action.args.choice")
    return Answer(path=held.path, choice=_fitting(held, wanted), note=note)


def _fitting(held: Escalation, wanted: JsonValue) -> JsonValue:
    """A choice of the form that the rule's choice has.

    Raises:
        ValueError: it is none, or none of the valid answers.
    """
    if held.form == "list":
        if not isinstance(wanted, list):
            raise ValueError(f"{_name(held)}: {shown(wanted)} is no list, which the choice has to be")
        return [_valid(held, one) for one in wanted]
    if held.form == "number" and (isinstance(wanted, bool) or not isinstance(wanted, int | float)):
        raise ValueError(f"{_name(held)}: {shown(wanted)} is no number, which the choice has to be")
    return _valid(held, wanted)


def _valid(held: Escalation, wanted: JsonValue) -> JsonValue:
    """One of the valid answers.

    Raises:
        ValueError: it is none of them.
    """
    if held.choices is None:
        return wanted
    found = find_choice(wanted, held.choices)
    if found is None:
        listed = ", ".join(map(shown, held.choices))
        raise ValueError(f"{_name(held)}: {shown(wanted)} is not one of {listed}")
    return found


def _proposed(held: Escalation) -> JsonValue:
    """The choice that the rule has taken out of a tie, or the leading one that has too little support."""
    counts = held.verdict.counts
    if held.verdict.choice is not None:
        return held.verdict.choice
    if held.form == "list" or not counts or (len(counts) > 1 and counts[0].weight == counts[1].weight):
        return None
    return counts[0].choice


def _allowed(held: Escalation) -> list[str]:
    return ["edit", "reject"] if _proposed(held) is None else ["approve", "edit", "reject"]


def _schema(held: Escalation) -> dict[str, JsonValue]:
    one: dict[str, JsonValue] = {} if held.choices is None else {"enum": held.choices}
    number: dict[str, JsonValue] = {"type": "number", **one}
    choice: dict[str, JsonValue]
    choice = (
        {"type": "array", "items": one} if held.form == "list" else number if held.form == "number" else one
    )
    return {
        "type": "object",
        "properties": {"vote": {"type": "string"}, "choice": choice},
        "required": ["choice"],
    }


def _name(held: Escalation) -> str:
    return " > ".join([*held.path, held.title])


def _line(text: str) -> str:
    return " ".join(text.split())


def _description(held: Escalation) -> str:
    """The question, the tally and the dissent, as Markdown."""
    verdict = held.verdict
    why = {"tied": "a tie", "below_threshold": "no choice has enough support", "no_quorum": "too few ballots"}
    lines = [f"**{_name(held)}**: {why.get(verdict.status, verdict.status)}.", "", held.question, ""]
    lines += [
        f"- {shown(c.choice)}: {c.votes} of {verdict.cast} ({', '.join(c.voters)})" for c in verdict.counts
    ]
    if lacking := verdict.asked - verdict.cast:
        lines.append(f"- no ballot from {lacking} of {verdict.asked}")
    reasons = [d for d in verdict.dissent if d.rationale]
    lines += (
        ["", *(f"> {d.voter}, for {shown(d.choice)}: {_line(d.rationale)}" for d in reasons)]
        if reasons
        else []
    )
    return "\n".join(lines)
