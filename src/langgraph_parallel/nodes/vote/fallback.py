"""A vote that ends undecided: what is to become of it, and a fallback that decides instead."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import JsonValue

from langgraph_parallel.errors import UnknownRule, UsageError
from langgraph_parallel.nodes.fan_out.branch import Task, run_branch
from langgraph_parallel.nodes.fan_out.close import ClosingStep, closing_step
from langgraph_parallel.nodes.vote.electorate import asked
from langgraph_parallel.nodes.vote.judge import Judge, shown
from langgraph_parallel.nodes.vote.poll import Undecided, VoteSettings
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.workers import Worker, WorkerLike, as_worker
from langgraph_parallel.records import RunReport, Tally, Verdict
from langgraph_parallel.reducers.votes.counting import overruled
from langgraph_parallel.reducers.votes.rules import Rule, as_rule, ballot_form, chooses
from langgraph_parallel.reducers.votes.rules.base import BaseRule


def as_on_undecided(given: "str | Rule | Judge | WorkerLike") -> Undecided:
    """Take what a vote does when it ends undecided.

    Raises:
        UnknownRule: a text that is neither `return` nor `escalate`, nor the name of a rule.
        UsageError: something that cannot decide.
    """
    if isinstance(given, str):
        try:
            return given if given in ("return", "escalate") else as_rule(given)  # type: ignore[return-value]
        except UnknownRule as error:
            raise UnknownRule(f"on_undecided is neither 'return' nor 'escalate': {error}") from None
    if isinstance(given, BaseRule | Judge):
        return given
    if isinstance(given, Ask | Runnable | BaseChatModel) or hasattr(given, "ainvoke"):
        return as_worker(given, "voting/question")
    return given if isinstance(given, Rule) and callable(given) else as_worker(given, "voting/question")


def check_fallback(rule: Rule | Judge, fallback: Undecided) -> None:
    """Make sure that a fallback reads what the voters of the rule say, and chooses what the rule would.

    Raises:
        UsageError: it does not.
    """
    if isinstance(fallback, str | Worker):
        return
    if isinstance(fallback, Judge):
        if chooses(rule) == "list":
            raise UsageError(
                f"a judge chooses one answer, and {rule.name} a list; let a rule or a worker decide"
            )
    elif ballot_form(fallback) != ballot_form(rule):
        raise UsageError(
            f"{fallback.name} wants ballots of another kind than {rule.name}: it could never decide instead"
        )


def deciding_asks(settings: VoteSettings) -> list[Ask]:
    """Those parts of a vote beside its voters that ask a model."""
    parts = (settings.rule, settings.on_undecided)
    return [part.ask for part in parts if isinstance(part, Judge)] + [
        part for part in parts if isinstance(part, Ask)
    ]


def fallback_node(settings: VoteSettings) -> Callable[..., Any]:
    """Make the node in which a fallback decides what the rule could not."""
    fallback = settings.on_undecided

    async def fall_back(state: Any, config: RunnableConfig) -> dict[str, Any]:
        """Decide on the same ballots, or by a worker; when that fails, the vote stays undecided."""
        verdict: Verdict = state["verdict"]
        ballots = Tally.of(state["ballots"])
        choice: JsonValue = None
        note = ""
        with closing_step("fallback") as closed:
            if isinstance(fallback, Judge):
                choice, note = await fallback.choose(str(state["question"]), ballots, _candidates(verdict))
            elif isinstance(fallback, Worker):
                choice, note = await _work(settings, fallback, state, config, closed)
            elif not isinstance(fallback, str):
                decided = fallback(ballots)
                choice, note = (decided.choice, "") if decided.decided else (None, "")
        if choice is None:
            why = closed.problems.get("fallback", "it came to no choice")
            verdict = verdict.model_copy(update={"note": f"the fallback has not decided: {why}"})
        else:
            verdict = overruled(verdict, ballots, choice, decided_by="fallback", note=note)
        return {"verdict": verdict, "report": reported(closed, state), "calls": closed.calls}

    return fall_back


def _candidates(verdict: Verdict) -> Sequence[Any]:
    """Those among which to choose: of a tie, the tied ones."""
    most = max((count.weight for count in verdict.counts), default=0.0)
    tied = [count for count in verdict.counts if count.weight == most]
    return tied if verdict.status == "tied" else verdict.counts


async def _work(
    settings: VoteSettings, worker: Worker, state: Any, config: RunnableConfig, closed: ClosingStep
) -> tuple[JsonValue, str]:
    """What a worker answers, read as a voter's answer would be."""
    question = state["question"]
    counts = "\n".join(f"{shown(count.choice)}: {count.votes}" for count in state["verdict"].counts)
    task = Task(
        id="fallback",
        name=f"fallback[{settings.label(question)}]",
        order=0,
        work=asked(worker, question, answers=counts or "none"),
    )
    branch = await run_branch(worker, task, config, "fallback")
    closed.calls |= {call.id: call for call in branch.calls}
    ballot = replace(settings.reading, form=chooses(settings.rule)).ballot(branch)
    if not ballot.cast:
        closed.problems["fallback"] = ballot.error or ballot.status
    return (ballot.choice if ballot.cast else None), ballot.rationale


def reported(closed: ClosingStep, state: Mapping[str, Any]) -> RunReport:
    """The report of a vote that has closed before, with what has come since: what was noted then stays so."""
    before: RunReport = state["report"]
    report = closed.report(state)
    kept = {
        "calls_saved": before.calls_saved,
        "trials": before.trials,
        "completion_reason": before.completion_reason,
    }
    return report.model_copy(update={**kept, "failures": before.failures | report.failures})
