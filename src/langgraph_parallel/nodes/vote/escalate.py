"""Escalation: ask a person about all undecided votes of a run, in one interrupt."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_config
from langgraph.errors import GraphInterrupt
from langgraph.types import interrupt
from pydantic import BaseModel, JsonValue

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.fan_out.close import ClosingStep
from langgraph_parallel.nodes.fan_out.gathered import in_order
from langgraph_parallel.nodes.fan_out.handover import Handover, get_handover, is_worker
from langgraph_parallel.nodes.fan_out.telling import tell_question
from langgraph_parallel.nodes.vote.decisions import answer_of, expected, proposed, vote_name
from langgraph_parallel.nodes.vote.fallback import updated_report
from langgraph_parallel.nodes.vote.judge import render_choice
from langgraph_parallel.nodes.vote.poll import VoteSettings
from langgraph_parallel.nodes.vote.told import tell_decision
from langgraph_parallel.nodes.work.media import text_of
from langgraph_parallel.records import Answer, Escalation, Tally, Verdict
from langgraph_parallel.records.numbers import as_state
from langgraph_parallel.reducers.votes.counting import override_verdict
from langgraph_parallel.reducers.votes.rules import chooses
from langgraph_parallel.runtime.asked import VOTE
from langgraph_parallel.runtime.graph import ParallelGraph
from langgraph_parallel.runtime.people import refusing
from langgraph_parallel.runtime.run_report import escalated
from langgraph_parallel.runtime.text_form import for_older_uis


def escalate_node(settings: VoteSettings) -> Callable[..., Any]:
    """Build the node that puts an undecided vote before a person."""

    async def escalate(state: Any, config: RunnableConfig) -> dict[str, Any]:
        """Ask the person, or leave it to the enclosing graph, which waits for other branches too."""
        verdict = state["verdict"]
        escalation = _escalation(settings, state["question"], verdict)
        answer = _answered(get_handover(config) if is_worker(config) else None, escalation)
        step = ClosingStep()
        if answer is None:
            step.escalations.append(escalation)
        elif answer.choice is None:
            verdict = verdict.model_copy(update={"decided_by": "person", "note": answer.note})
        else:
            ballots = Tally.of(state["ballots"])
            verdict = override_verdict(verdict, ballots, answer.choice, decided_by="person", note=answer.note)
        tell_decision(settings, state, verdict)
        return {"verdict": verdict, "run_report": updated_report(step, state)}

    return escalate


def _escalation(settings: VoteSettings, question: Any, verdict: Verdict) -> Escalation:
    return Escalation(
        title=settings.label(question),
        question=text_of(question),
        verdict=verdict,
        choices=None if settings.choices is None else list(settings.choices),
        form=chooses(settings.rule),
    )


def asked_after_tally(settings: VoteSettings) -> Callable[..., list[Escalation]]:
    """Build the function that returns what a person is asked once a vote has been counted."""

    def asked(state: Mapping[str, Any], update: Mapping[str, Any]) -> list[Escalation]:
        verdict = update.get("verdict")
        if settings.on_undecided != "escalate" or verdict is None or verdict.decided or _leaves_it():
            return []
        return [_escalation(settings, state["question"], verdict)]

    return asked


def asked_after_gather(state: Mapping[str, Any], update: Mapping[str, Any]) -> list[Escalation]:
    """Return what a person is asked once all sections have ended."""
    if update["wave"] or _leaves_it():
        return []
    return escalated(in_order({**state["branches"], **update["branches"]}))


def _leaves_it() -> bool:
    """Return whether the enclosing graph asks the person."""
    return is_worker(get_config())


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


def ask_person(escalations: Sequence[Escalation]) -> list[Answer]:
    """Raise one interrupt for all escalations, in the shape that agent UIs render, and validate the answer.

    Raises:
        GraphInterrupt: there is no answer yet.
        InputError: the answer is not valid; the run can be resumed with another one.
    """
    form = as_state(
        {
            "action_requests": [
                {
                    "name": VOTE,
                    "args": {"vote": vote_name(escalation), "choice": proposed(escalation)},
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
    )
    given = _interrupt(for_older_uis(form), response_schema=expected(escalations, form))
    return [
        answer_of(escalation, decision)
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


def _allowed(escalation: Escalation) -> list[str]:
    return ["edit", "reject"] if proposed(escalation) is None else ["approve", "edit", "reject"]


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


def _line(text: str) -> str:
    return " ".join(text.split())


def _description(escalation: Escalation) -> str:
    """Render the question, the tally and the dissent as Markdown."""
    verdict = escalation.verdict
    why = {"tied": "a tie", "below_threshold": "no choice has enough support", "no_quorum": "too few ballots"}
    lines = [
        f"**{vote_name(escalation)}**: {why.get(verdict.status, verdict.status)}.",
        "",
        escalation.question,
        "",
    ]
    if escalation.choices:
        lines += [f"Possible choices: {', '.join(map(render_choice, escalation.choices))}.", ""]
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
