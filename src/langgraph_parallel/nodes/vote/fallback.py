"""Handling of undecided votes: parse the setting, and let a fallback decide."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import JsonValue

from langgraph_parallel.errors import UnknownRule, UsageError
from langgraph_parallel.nodes.fan_out.branch import run_branch
from langgraph_parallel.nodes.fan_out.close import ClosingStep, closing_step
from langgraph_parallel.nodes.fan_out.task import Task
from langgraph_parallel.nodes.vote.electorate import question_input
from langgraph_parallel.nodes.vote.judge import Judge, render_choice
from langgraph_parallel.nodes.vote.poll import Undecided, VoteSettings
from langgraph_parallel.nodes.vote.told import tell_decision
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.media import text_of
from langgraph_parallel.nodes.work.roster import QUESTION_KEYS
from langgraph_parallel.nodes.work.workers import Worker, WorkerLike, as_worker, asks_in
from langgraph_parallel.records import RunReport, Tally, Verdict
from langgraph_parallel.reducers.votes.counting import override_verdict
from langgraph_parallel.reducers.votes.rules import Rule, as_rule, ballot_form, chooses
from langgraph_parallel.reducers.votes.rules.base import BaseRule
from langgraph_parallel.runtime.run import current_run
from langgraph_parallel.runtime.run_report import with_calls_saved


def as_on_undecided(given: "str | Rule | Judge | WorkerLike") -> Undecided:
    """Return the handling of undecided votes; read the name of a rule.

    Raises:
        UnknownRule: a text that is not `return`, `escalate` or a rule.
        UsageError: something that cannot decide.
    """
    if isinstance(given, str):
        try:
            return given if given in ("return", "escalate") else as_rule(given)  # type: ignore[return-value]
        except UnknownRule as error:
            raise UnknownRule(f"on_undecided is not 'return' or 'escalate', and {error}") from None
    if isinstance(given, BaseRule | Judge):
        return given
    is_worker = isinstance(given, Ask | Runnable | BaseChatModel) or hasattr(given, "ainvoke")
    if not is_worker and isinstance(given, Rule) and callable(given):
        return given
    return as_worker(given, "voting/question", QUESTION_KEYS)


def check_fallback(rule: Rule | Judge, fallback: Undecided) -> None:
    """Check that a fallback reads the ballots of the rule, and chooses the same kind of thing.

    Raises:
        UsageError: it does not, so that it could never decide.
    """
    if isinstance(fallback, str | Worker):
        return
    if isinstance(fallback, Judge):
        if chooses(rule) == "list":
            raise UsageError(
                f"a judge chooses one answer and {rule.name} a list; use a rule or a worker as on_undecided"
            )
    elif ballot_form(fallback) != ballot_form(rule):
        raise UsageError(
            f"on_undecided={fallback.name} reads other ballots than {rule.name}, so it could never "
            "decide; use a rule of the same kind"
        )


def deciding_asks(settings: VoteSettings) -> list[Ask]:
    """Return the `Ask`s of the judge and of the fallback."""
    parts = (settings.rule, settings.on_undecided)
    return [ask for part in parts for ask in asks_in(part) if isinstance(part, Judge | Ask)]


def fallback_node(settings: VoteSettings) -> Callable[..., Any]:
    """Build the node in which a fallback decides what the rule left undecided."""
    fallback = settings.on_undecided

    async def fall_back(state: Any, config: RunnableConfig) -> dict[str, Any]:
        """Decide on the same ballots, or by a worker; if that fails, the vote stays undecided."""
        verdict: Verdict = state["verdict"]
        ballots = Tally.of(state["ballots"])
        choice: JsonValue = None
        note = ""
        with closing_step("fallback", state, makes_up=True) as step:
            if isinstance(fallback, Judge):
                choice, note = await fallback.choose(
                    text_of(state["question"]), ballots, _candidates(verdict)
                )
            elif isinstance(fallback, Worker):
                choice, note = await _ask_worker(settings, fallback, state, config, step)
            elif not isinstance(fallback, str):
                decided = fallback(ballots)
                choice, note = (decided.choice, "") if decided.decided else (None, "")
        if choice is None:
            why = step.problems.get("fallback", "it made no choice")
            verdict = verdict.model_copy(update={"note": f"the fallback did not decide: {why}"})
        else:
            step.settled = True
            verdict = override_verdict(verdict, ballots, choice, decided_by="fallback", note=note)
        tell_decision(settings, state, verdict)
        return {"verdict": verdict, "run_report": updated_report(step, state), "calls": step.calls}

    return fall_back


def _candidates(verdict: Verdict) -> Sequence[Any]:
    """Return the choices that a judge may choose from: of a tie, the tied ones."""
    most = max((count.weight for count in verdict.counts), default=0.0)
    tied = [count for count in verdict.counts if count.weight == most]
    return tied if verdict.status == "tied" else verdict.counts


async def _ask_worker(
    settings: VoteSettings, worker: Worker, state: Any, config: RunnableConfig, step: ClosingStep
) -> tuple[JsonValue, str]:
    """Return the choice and the rationale of a worker, parsed like a voter's answer."""
    question = state["question"]
    counts = "\n".join(f"{render_choice(count.choice)}: {count.votes}" for count in state["verdict"].counts)
    task = Task(
        id="fallback",
        name=f"fallback[{settings.label(question)}]",
        order=0,
        work=question_input(worker, question, answers=counts),
    )
    branch = await run_branch(worker, task, config, "fallback")
    step.calls |= {call.id: call for call in branch.calls}
    ballot = replace(settings.parser, form=chooses(settings.rule)).ballot(branch)
    if not ballot.cast:
        step.problems["fallback"] = ballot.error or ballot.status
    return (ballot.choice if ballot.cast else None), ballot.rationale


def updated_report(step: ClosingStep, state: Mapping[str, Any]) -> RunReport:
    """Return the report of the close, with the calls of the steps after it added."""
    earlier: RunReport = state["run_report"]
    report = with_calls_saved(step.report(state), earlier.calls_saved)
    kept = {
        "trials": earlier.trials,
        "completion_reason": earlier.completion_reason,
    }
    report = report.model_copy(update={**kept, "failures": earlier.failures | report.failures})
    if (level := current_run().level) is not None:
        level.report = report
    return report
