"""What people are asked by the workers of a run: one form of several interrupts, and checked answers.

The form is that of LangChain's `HumanInTheLoopMiddleware`, which agent UIs know: a list of action requests,
each answered by a decision (approve, edit, reject, respond).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.errors import GraphBubbleUp, is_invalid_resume
from langgraph.types import Command, Interrupt
from pydantic import ValidationError

from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.records.event_base import Interrupt as ToldInterrupt
from langgraph_parallel.runtime.asked import Asked, AskedApproval, AskedForm, Request, as_asked, show

_INTERRUPT, _CONTROL = "__interrupt__", ("__interrupt__", "__resume__", "__error__", "__error_source_node__")
"""The channel of what a task asks, and all that a task may write without having ended."""
_RESUME_MAP, _SCRATCHPAD = "__pregel_resume_map", "__pregel_scratchpad"
"""Config keys under which LangGraph passes answers down to nested graphs: by ids, or one without."""
_INVALID_RESUME = "_langgraph_invalid_resume"
"""Attribute by which LangGraph marks an error that an answer has caused: what was asked still waits."""

_ID_LENGTH = 32
"""Digits of the id of an interrupt."""
AnyInterrupt = Interrupt | ToldInterrupt | Mapping[str, Any]
"""An interrupt: LangGraph's, that of an event, or JSON."""


def is_for_langgraph(error: BaseException) -> bool:
    """Return whether LangGraph has to see an error: it interrupts the run, or refuses a person's answer."""
    return isinstance(error, GraphBubbleUp) or is_invalid_resume(error)


def refusal(message: str) -> InputError:
    """Return the error that refuses an answer: it is raised to the caller, and another one may be given."""
    error = InputError(message)
    setattr(error, _INVALID_RESUME, True)
    return error


def refused(error: ValidationError, name: str) -> InputError:
    """Return the error that refuses an answer which does not fit the schema of what was asked, in one line.

    Args:
        error: what is wrong.
        name: of who asks.
    """
    first = error.errors(include_url=False)[0]
    place = ".".join(map(str, first["loc"]))
    given = f"{show(first['input'])} at {place}" if place else show(first["input"])
    expected = "expected a mapping" if first["type"] == "model_type" else first["msg"]
    why = f", {given}, does not fit what was asked: {expected}"
    if first["type"] == "value_error":  # of a check that says all of it
        why = f" cannot be used: {first['msg'].removeprefix('Value error, ')}"
    return refusal(f"an answer to {name}{why}; it was not used, so another one can be given")


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Raise LangGraph's error of an answer that does not fit as one of ours.

    Args:
        name: of who asks.

    Raises:
        InputError: the answer does not fit; another one can be given.
    """
    try:
        yield
    except ValidationError as error:
        if not is_invalid_resume(error):
            raise
        raise refused(error, name) from error


def pass_on(error: Exception, name: str) -> None:
    """Raise an error of a branch again if LangGraph has to see it.

    Args:
        error: that the worker has raised.
        name: of the branch, for the error that refuses an answer.

    Raises:
        GraphBubbleUp: the branch interrupts the run.
        InputError: an answer does not fit the schema of what was asked.
    """
    if isinstance(error, ValidationError) and is_invalid_resume(error):
        raise refused(error, name) from error
    if is_for_langgraph(error):
        raise error


def counted(number: int, what: str) -> str:
    """Return a number with its noun: 1 decision, 0 decisions."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def problems(requests: Sequence[Request], decisions: Any) -> list[str]:
    """Return what is wrong with the decisions on some requests: their number, or each of them.

    Args:
        requests: in the order of the form.
        decisions: as a person gave them.
    """
    names = ", ".join(request.name for request in requests)
    if not isinstance(decisions, list | tuple):
        return [f"{show(decisions)} is not a list of decisions; expected one for each of: {names}"]
    if len(decisions) != len(requests):
        return [
            f"{counted(len(decisions), 'decision')} for {counted(len(requests), 'request')}; pass one each, "
            f"in this order: {names}"
        ]
    found = (
        (number, request, request.problem(decision))
        for number, (request, decision) in enumerate(zip(requests, decisions, strict=True), 1)
    )
    return [
        f"decision {number}, on {request.name}: {problem}" for number, request, problem in found if problem
    ]


def one_form(interrupts: Iterable[AnyInterrupt]) -> dict[str, Any]:
    """Make one form of all interrupts that wait, for UIs that show one.

        form = agents.one_form(out["__interrupt__"])
        form["action_requests"], form["review_configs"]  # one config for each request, in the same order

    Tool calls that `HumanInTheLoopMiddleware` asks about, undecided votes and questions of any other value
    are requests of the same form. A question becomes the action `answer_question`, to which `respond` gives a
    text, and `edit` any JSON, in `args.answer`. The requests are in the order of the plan, whatever the
    order in which the interrupts are listed. Each has the `interrupt_id` that it belongs to, and its
    `description` begins with the branches that it comes from.

    Args:
        interrupts: those of the output (`out["__interrupt__"]`), of the state or of an `interrupted` event,
            or as JSON from a server, with `id` and `value`; all, or those that are to be answered.

    Raises:
        UsageError: one is not an interrupt.
    """
    shown = [(asked, request) for asked in _in_order(interrupts) for request in asked.requests]
    return {
        "action_requests": [_with_asker(asked, request.action) for asked, request in shown],
        "review_configs": [dict(request.config) for _, request in shown],
    }


def _with_asker(asked: Asked, action: Mapping[str, Any]) -> dict[str, Any]:
    told = {**action, "interrupt_id": asked.id}
    if asked.asker.path:
        rest = f":\n\n{description}" if (description := action.get("description")) else "."
        told["description"] = f"{' > '.join(asked.asker.path)} asks{rest}"
    return told


def reply(interrupts: Iterable[AnyInterrupt], response: Mapping[str, Any] | Sequence[Any]) -> "Command[Any]":
    """Make the command that answers each interrupt of `one_form` with its part of one response.

        await graph.ainvoke(agents.reply(out["__interrupt__"], {"decisions": [...]}), config)

    Args:
        interrupts: the same as of the form, in any order.
        response: `{"decisions": [...]}`, or the list: one decision for each request, in the order of the
            form: `{"type": "approve"}`, `{"type": "reject", "message": ...}`, `{"type": "respond",
            "message": ...}` or `{"type": "edit", "edited_action": {"name": ..., "args": {...}}}`.

    Raises:
        InputError: the number of decisions, or one of them, is not possible; it names the request, what was
            given and what is possible. Nothing has been answered.
        UsageError: there is no interrupt, or one is not one.
    """
    asked = _in_order(interrupts)
    if not asked:
        raise UsageError("no interrupts were passed; pass those that wait, as in out['__interrupt__']")
    decisions = response.get("decisions") if isinstance(response, Mapping) else response
    found = problems([request for one in asked for request in one.requests], decisions)
    answers, done = {}, 0
    for one in asked if not found else ():
        part = list(decisions)[done : done + len(one.requests)]  # type: ignore[arg-type]
        try:
            answers[one.id] = one.answer(part)
        except ValueError as error:
            found.append(f"decision {done + 1}, on {one.requests[0].name}: {error}")
        done += len(part)
    if found:
        raise InputError("; ".join(found))
    return Command(resume=answers)


def waiting_in(writes: Iterable[tuple[str, str, Any]] | None) -> dict[str, Sequence[Interrupt]]:
    """Return the interrupts that wait for an answer, by the ids of their tasks.

    Args:
        writes: the pending writes of a checkpoint.
    """
    known = list(writes or ())
    ended = {task for task, channel, _ in known if channel not in _CONTROL}
    return {task: value for task, channel, value in known if channel == _INTERRUPT and task not in ended}


def answers_to(
    interrupts: Sequence[Interrupt], input: Any, config: RunnableConfig
) -> list[tuple[Interrupt, Any]]:
    """Return the interrupts that a run answers, with the answers.

    Args:
        interrupts: that wait.
        input: of the run.
        config: of the graph, or of a node in it.
    """
    configurable: Mapping[str, Any] = config.get("configurable") or {}
    resume = input.resume if isinstance(input, Command) else configurable.get(_RESUME_MAP)
    if resume is None and (scratchpad := configurable.get(_SCRATCHPAD)) is not None:
        resume = scratchpad.get_null_resume(False)
    if isinstance(resume, Mapping) and any(one.id in resume for one in interrupts):
        return [(one, resume[one.id]) for one in interrupts if one.id in resume]
    return [(interrupts[0], resume)] if resume is not None and len(interrupts) == 1 else []


def check_answers(writes: Iterable[tuple[str, str, Any]] | None, input: Any, config: RunnableConfig) -> None:
    """Check the answers that a run is resumed with, before anything of them is used.

    What asks with a schema (`interrupt(..., response_schema=...)`) is checked by LangGraph. A form without
    one is `HumanInTheLoopMiddleware`'s: it would keep an answer that it cannot use, and ask no more.

    Args:
        writes: the pending writes of the checkpoint.
        input: of the run.
        config: of the graph.

    Raises:
        InputError: they have not the form of what is asked. All that waits can be answered again.
    """
    interrupts = [one for waiting in waiting_in(writes).values() for one in waiting]
    _check_ids(interrupts, input, config)
    found = [
        problem
        for interrupt, answer in answers_to(interrupts, input, config)
        for problem in _problems_of(interrupt, answer)
    ]
    if found:
        raise refusal(f"{'; '.join(found)}; no answer was used, so all can be given again")


def _check_ids(interrupts: Sequence[Interrupt], input: Any, config: RunnableConfig) -> None:
    """Check that what is answered by its id waits, as far as this graph sees all that does: as the outermost.

    Raises:
        InputError: something does not wait.
    """
    answers = input.resume if isinstance(input, Command) else None
    if not isinstance(answers, Mapping) or not all(_is_id(key) for key in answers):
        return  # an answer that happens to be a mapping
    if (config.get("configurable") or {}).get("checkpoint_id"):
        return  # an earlier checkpoint, whose requests have been answered before
    waiting = sorted({one.id for one in interrupts})
    if not (unknown := [id for id in answers if id not in waiting]):
        return
    known = f"{', '.join(waiting)} can be answered" if waiting else "nothing waits"
    raise refusal(
        f"no request {', '.join(unknown)} waits; it may have been answered; {known}; no answer was used"
    )


def _is_id(key: Any) -> bool:
    """Return whether a key is what LangGraph takes for the id of an interrupt."""
    return isinstance(key, str) and len(key) == _ID_LENGTH and set(key) <= set("0123456789abcdef")


def _problems_of(interrupt: Interrupt, answer: Any) -> list[str]:
    asked = as_asked(interrupt)
    if isinstance(asked, AskedForm) and interrupt.response_schema is None:
        return _problems_of_form(asked, answer)
    if isinstance(asked, AskedApproval) and (why := asked.requests[0].unknown_tool(answer)):
        return [f"the decision on {asked.requests[0].name}: {why}"]
    return []


def _problems_of_form(asked: AskedForm, answer: Any) -> list[str]:
    if isinstance(answer, Mapping) and "decisions" in answer:
        return problems(asked.requests, answer["decisions"])
    names = ", ".join(request.name for request in asked.requests)
    return [f"the answer to {names} is {show(answer)}; expected {{'decisions': [...]}} with one for each"]


def _in_order(interrupts: Iterable[AnyInterrupt]) -> list[Asked]:
    by_id: dict[str, Asked] = {}
    for one in interrupts:
        if isinstance(one, ToldInterrupt):
            one = one.model_dump()
        if isinstance(one, Mapping) and {"id", "value"} <= one.keys():
            one = Interrupt(one["value"], str(one["id"]), response_schema=one.get("response_schema"))
        if not isinstance(one, Interrupt):
            raise UsageError(f"{show(one)} is not an interrupt; pass those of out['__interrupt__']")
        by_id[one.id] = as_asked(one)
    return sorted(by_id.values(), key=lambda asked: (not asked.asker.order, asked.asker.order, asked.id))
