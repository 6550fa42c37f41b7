"""Escalation: ask a person about all undecided votes of a run, in one interrupt."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphInterrupt
from langgraph.types import interrupt
from pydantic import BaseModel, Field, JsonValue, create_model, model_validator

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.close import ClosingStep
from langgraph_parallel.nodes.fan_out.gathered import in_order
from langgraph_parallel.nodes.fan_out.handover import Handover, get_handover, is_worker
from langgraph_parallel.nodes.fan_out.telling import tell_question, tell_verdict
from langgraph_parallel.nodes.vote.fallback import updated_report
from langgraph_parallel.nodes.vote.judge import render_choice
from langgraph_parallel.nodes.vote.poll import VoteSettings
from langgraph_parallel.nodes.work.media import text_of
from langgraph_parallel.records import Answer, Escalation, Tally
from langgraph_parallel.records.numbers import as_state, exact
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import override_verdict
from langgraph_parallel.reducers.votes.normalise import find_choice
from langgraph_parallel.reducers.votes.rules import chooses
from langgraph_parallel.runtime.asked import VOTE
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.people import counted, refusing
from langgraph_parallel.runtime.run_report import escalated


def escalate_node(settings: VoteSettings) -> Callable[..., Any]:
    """Build the node that puts an undecided vote before a person."""

    async def escalate(state: Any, config: RunnableConfig) -> dict[str, Any]:
        """Ask the person, or leave it to the enclosing graph, which waits for other branches too."""
        question, verdict = state["question"], state["verdict"]
        choices = settings.choices
        escalation = Escalation(
            title=settings.label(question),
            question=text_of(question),
            verdict=verdict,
            choices=None if choices is None else list(choices),
            form=chooses(settings.rule),
        )
        answer = _answered(get_handover(config) if is_worker(config) else None, escalation)
        step = ClosingStep()
        if answer is None:
            step.escalations.append(escalation)
        elif answer.choice is None:
            verdict = verdict.model_copy(update={"decided_by": "person", "note": answer.note})
        else:
            ballots = Tally.of(state["ballots"])
            verdict = override_verdict(verdict, ballots, answer.choice, decided_by="person", note=answer.note)
        tell_verdict(verdict)
        return {"verdict": verdict, "run_report": updated_report(step, state)}

    return escalate


def _answered(handover: Handover | None, escalation: Escalation) -> Answer | None:
    if handover is None:
        return ask_person([escalation])[0]
    return next((answer for answer in handover.answers if not answer.path), None)


async def escalate_all(state: Any, config: RunnableConfig) -> dict[str, Any]:
    """Put all undecided votes of a fan-out before a person, or leave it to the enclosing graph."""
    escalation = escalated(in_order(state["branches"]))
    if not escalation or is_worker(config):
        return {"answers": []}
    return {"answers": ask_person(escalation)}


def check_no_waiting(workers: Mapping[str, object]) -> None:
    """Check that no voter and no fallback is a graph that may interrupt to ask a person.

    Raises:
        UsageError: one of them is.
    """
    for name, worker in workers.items():
        if isinstance(worker, ParallelGraph) and worker.governing.escalates:
            raise UsageError(
                f"{name} escalates, but a vote cannot wait for a person inside another vote; set "
                "on_undecided='escalate' on the outer vote instead"
            )


class _Edited(BaseModel):
    """The edited action."""

    name: str = VOTE
    args: dict[str, JsonValue]


class _Decision(BaseModel):
    """A person's decision on one undecided vote."""

    type: Literal["approve", "edit", "reject"]
    edited_action: _Edited | None = Field(None, description="For edit: args.choice is the choice.")
    message: str | None = Field(None, description="Why.")


class Decisions(BaseModel):
    """One decision for each action request, in the same order."""

    decisions: list[_Decision]


def ask_person(escalations: Sequence[Escalation]) -> list[Answer]:
    """Raise one interrupt for all escalations, in the shape that agent UIs render, and validate the answer.

    Raises:
        GraphInterrupt: there is no answer yet.
        InputError: the answer is not valid; the run can be resumed with another one.
    """
    given = _interrupt(
        as_state(
            {
                "action_requests": [
                    {
                        "name": VOTE,
                        "args": {"vote": _name(escalation), "choice": _proposed(escalation)},
                        "description": _description(escalation),
                    }
                    for escalation in escalations
                ],
                "review_configs": [
                    {
                        "action_name": VOTE,
                        "allowed_decisions": _allowed(escalation),
                        "args_schema": _schema(escalation),
                    }
                    for escalation in escalations
                ],
            }
        ),
        response_schema=_expected(escalations),
    )
    return [
        _answer(escalation, decision)
        for escalation, decision in zip(escalations, given.decisions, strict=True)
    ]


def _interrupt(shown: Any, *, response_schema: type[BaseModel]) -> Any:
    """Interrupt, as LangGraph does, and tell that a person is waited for."""
    try:
        with refusing(VOTE):
            return interrupt(shown, response_schema=response_schema)
    except GraphInterrupt:
        tell_question()
        raise


def _expected(escalations: Sequence[Escalation]) -> type[Decisions]:
    """Return the type of the answer: one valid decision for each escalation."""

    class Checked(Decisions):
        @model_validator(mode="after")
        def fits(self) -> "Checked":
            if len(self.decisions) != len(escalations):
                raise ValueError(
                    f"{counted(len(self.decisions), 'decision')} for "
                    f"{counted(len(escalations), 'action request')}; pass one each, in order"
                )
            for escalation, decision in zip(escalations, self.decisions, strict=True):
                _answer(escalation, decision)
            return self

    return create_model("Decisions", __base__=Checked, __doc__=Decisions.__doc__)


def _answer(escalation: Escalation, decision: _Decision) -> Answer:
    """Return the answer that a decision means.

    Raises:
        ValueError: it is not possible; the message says what is.
    """
    note = decision.message or ""
    if decision.type == "reject":
        return Answer(path=escalation.path, note=note)
    if decision.type == "approve":
        choice = _proposed(escalation)
        if choice is None:
            raise ValueError(
                f"{_name(escalation)}: there is no proposed choice to approve; edit or reject it"
            )
        return Answer(path=escalation.path, choice=choice, note=note)
    choice = decision.edited_action.args.get("choice") if decision.edited_action else None
    if choice is None:
        raise ValueError(f"{_name(escalation)}: an edit needs edited_action.args.choice")
    return Answer(path=escalation.path, choice=_fitting(escalation, choice), note=note)


def _fitting(escalation: Escalation, choice: JsonValue) -> JsonValue:
    """Return a choice in the form of the rule's choice.

    Raises:
        ValueError: it has another form, or is not a valid answer.
    """
    if escalation.form == "fields":
        if not isinstance(choice, dict):
            raise ValueError(
                f"{_name(escalation)}: {render_choice(choice)} is not a mapping; expected the fields of the "
                "choice"
            )
        return {name: _valid(escalation, one) for name, one in choice.items()}
    if escalation.form in ("list", "items"):
        if not isinstance(choice, list):
            raise ValueError(
                f"{_name(escalation)}: {render_choice(choice)} is not a list; expected a list of choices"
            )
        return [_valid(escalation, one) for one in choice]
    valid = _valid(escalation, choice)
    if escalation.form == "number" and exact(valid) is None:
        raise ValueError(f"{_name(escalation)}: {render_choice(choice)} is not a number; expected a number")
    return valid


def _valid(escalation: Escalation, choice: JsonValue) -> JsonValue:
    """Return the valid answer that a choice matches.

    Raises:
        ValueError: it matches none.
    """
    known = escalation.choices or [count.choice for count in escalation.verdict.counts]
    # The interrupt shows an integer beyond 64 bits as the text of its digits, and an answer may be that text.
    choice = next((one for one in known if canonical(as_state(one)) == canonical(choice)), choice)
    if escalation.choices is None:
        return choice
    found = find_choice(choice, escalation.choices)
    if found is None:
        listed = ", ".join(map(render_choice, escalation.choices))
        raise ValueError(f"{_name(escalation)}: {render_choice(choice)} is not one of {listed}")
    return found


def _proposed(escalation: Escalation) -> JsonValue:
    """Return the choice to propose: the rule's own, or a single leader with too little support."""
    counts = escalation.verdict.counts
    if escalation.verdict.choice is not None:
        return escalation.verdict.choice
    if escalation.form == "list" or not counts or (len(counts) > 1 and counts[0].weight == counts[1].weight):
        return None
    return counts[0].choice


def _allowed(escalation: Escalation) -> list[str]:
    return ["edit", "reject"] if _proposed(escalation) is None else ["approve", "edit", "reject"]


def _schema(escalation: Escalation) -> dict[str, JsonValue]:
    one: dict[str, JsonValue] = {} if escalation.choices is None else {"enum": escalation.choices}
    array: dict[str, JsonValue] = {"type": "array", "items": one}
    forms: dict[str, dict[str, JsonValue]] = {
        "list": array,
        "items": array,
        "fields": {"type": "object", "additionalProperties": one},
        "number": {"type": "number", **one},
    }
    choice = forms.get(escalation.form, one)
    return {
        "type": "object",
        "properties": {"vote": {"type": "string"}, "choice": choice},
        "required": ["choice"],
    }


def _name(escalation: Escalation) -> str:
    return " > ".join([*escalation.path, escalation.title])


def _line(text: str) -> str:
    return " ".join(text.split())


def _description(escalation: Escalation) -> str:
    """Render the question, the tally and the dissent as Markdown."""
    verdict = escalation.verdict
    why = {"tied": "a tie", "below_threshold": "no choice has enough support", "no_quorum": "too few ballots"}
    lines = [
        f"**{_name(escalation)}**: {why.get(verdict.status, verdict.status)}.",
        "",
        escalation.question,
        "",
    ]
    lines += [
        f"- {render_choice(c.choice)}: {c.votes} of {verdict.cast} ({', '.join(c.voters)})"
        for c in verdict.counts
    ]
    if lacking := verdict.asked - verdict.cast:
        lines.append(f"- no ballot from {lacking} of {verdict.asked}")
    reasons = [d for d in verdict.dissent if d.rationale]
    lines += (
        ["", *(f"> {d.voter}, for {render_choice(d.choice)}: {_line(d.rationale)}" for d in reasons)]
        if reasons
        else []
    )
    return "\n".join(lines)
