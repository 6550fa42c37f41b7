"""Judges of the caller's: functions, graphs and other Runnables that score a draft."""

import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, SupportsFloat

from langchain_core.runnables import Runnable
from pydantic import BaseModel

from langgraph_parallel.arguments import check_called, shown
from langgraph_parallel.errors import InvalidAnswer, UsageError
from langgraph_parallel.nodes.work.adapter import Adapter
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.json_data import as_json
from langgraph_parallel.nodes.work.render import GRAPH, as_text, nested_answer
from langgraph_parallel.nodes.work.workers import Worker, WorkerLike, as_worker
from langgraph_parallel.records import Section
from langgraph_parallel.runtime.chained import is_model
from langgraph_parallel.runtime.graph import ParallelGraph

KEYS = frozenset({"task", "draft"})
_EXPECTED = "expected a finite number, or a mapping with such a number as 'score'"


class Score(BaseModel):
    """What a judge made of one draft."""

    score: float
    """Higher is better."""
    reasons: list[str]
    """What it said of the draft; may be empty."""


class DraftJudge:
    """A judge of the caller's as a worker, and the input that it takes.

    Args:
        judge: a function of the task and the draft, or of the draft alone, sync or async; or a graph or
            another Runnable.

    Raises:
        UsageError: it is neither, cannot take a draft, or cannot return a score.
        PromptError: it is an `Ask` whose prompt does not show the draft, or has unknown variables.
    """

    def __init__(self, judge: WorkerLike) -> None:
        check_called(judge)
        self.worker = _as_judge(judge)
        # A graph of others that became an adapter has messages in its state: it gets one text.
        self._takes_text = isinstance(self.worker, Adapter) and not isinstance(judge, Adapter)

    def input(self, section: Section) -> object:
        """Return what the judge gets of a section that needs a draft; in an estimate the draft is empty."""
        task, draft = section.data["task"], next(iter(section.earlier.values()), "")
        text = f"The task:\n\n{task}\n\nThe result:\n\n{as_text(draft)}"
        if isinstance(self.worker, ParallelGraph) and self.worker.governing.from_text is not None:
            return self.worker.governing.from_text(section.title, text)
        if self._takes_text:
            return text
        return {
            "task": task,
            "draft": as_text(draft) if isinstance(self.worker, Ask) else nested_answer(draft),
        }


def read_score(result: Any) -> Score:
    """Return the score in what a judge returned.

    Args:
        result: a number; True and False count as 1 and 0; a mapping or a record with `score` and optionally
            `feedback` or `reason`; or the branch value of a graph of this package whose verdict or answer is
            one of these.

    Raises:
        InvalidAnswer: there is no finite number in it.
    """
    given = result.model_dump() if isinstance(result, BaseModel) else result
    if not isinstance(given, Mapping):
        return Score(score=_number(given, result), reasons=[])
    if GRAPH in given:
        return _read_graph(dict(given))
    said = [as_json(given.get(key)) for key in ("feedback", "reason")]
    return Score(score=_number(given.get("score"), result), reasons=[as_text(text) for text in said if text])


def _read_graph(value: dict[str, Any]) -> Score:
    """Return the score in the verdict or the answer of a graph; its reasons may be those of the voters.

    Raises:
        InvalidAnswer: there is no finite number in it.
    """
    answer = nested_answer(value)
    if isinstance(answer, Mapping) and GRAPH in answer:
        raise InvalidAnswer(
            f"the judge is a graph of {value[GRAPH]}, which has no single answer; {_EXPECTED}"
        )
    scored, ballots = read_score(answer), value.get("ballots") or []
    said = [ballot.get("rationale") or "" for ballot in ballots]
    return Score(score=scored.score, reasons=scored.reasons or list(dict.fromkeys(filter(str.strip, said))))


def _number(value: Any, result: Any) -> float:
    """Return a value as a number.

    Raises:
        InvalidAnswer: it is not a finite number.
    """
    try:
        number = float(value) if isinstance(value, SupportsFloat) else math.nan
    except (TypeError, ValueError, OverflowError):  # an array of several numbers, or a number beyond floats
        number = math.nan
    if not math.isfinite(number):
        raise InvalidAnswer(f"the judge returned {shown(result)}; {_EXPECTED}")
    return number


def _as_judge(judge: WorkerLike) -> Worker:
    if isinstance(judge, str) or is_model(judge) or not (callable(judge) or hasattr(judge, "ainvoke")):
        raise UsageError(
            f"judge is {shown(judge)}; expected a function of the task and the draft, or a graph or another "
            "Runnable; a model scores drafts as judge_model= with method='rubric'"
        )
    if isinstance(judge, Ask):
        judge.prompt.check(KEYS | judge.given.keys(), needs=["draft"])
        if judge.schema is None:
            raise UsageError("judge is an Ask that answers a text; pass a schema with a number as `score`")
        return judge
    if isinstance(judge, Runnable | Adapter) or hasattr(judge, "ainvoke"):
        return as_worker(judge, "best_of/score", KEYS)
    return as_worker(_called(judge), "best_of/score")


def _called(function: Callable[..., Any]) -> Callable[[Mapping[str, Any]], Any]:
    """Return a function as one of a judge's input; what it returns may have to be awaited."""
    takes_task = _takes_task(function)

    def judge(given: Mapping[str, Any]) -> Any:
        return function(given["task"], given["draft"]) if takes_task else function(given["draft"])

    # Calls are reported as those of the caller's code, which they are.
    judge.__module__ = str(getattr(function, "__module__", ""))
    return judge


def _takes_task(function: Callable[..., Any]) -> bool:
    """Return whether a function takes the task and the draft, not the draft alone.

    Raises:
        UsageError: it takes neither.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:  # a function in C that does not say what it takes
        return False
    required = [p for p in parameters if p.default is p.empty]
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    count = len([p for p in positional if p.default is p.empty]) or min(2, len(positional))
    if any(p.kind is p.VAR_POSITIONAL for p in parameters):
        count = max(2, count)
    if count not in (1, 2) or any(p.kind is p.KEYWORD_ONLY for p in required):
        raise UsageError(
            f"judge is {shown(function)}, which cannot be called with a task and a draft, or a draft alone; "
            "pass a function judge(task, draft) or judge(draft)"
        )
    return count == 2
