"""What a model in memory is told to answer, made into messages."""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolCall, ToolMessage

from langgraph_parallel.errors import UsageError
from langgraph_parallel.testing.wire import free_ids, smallest

Answer = str | Mapping[str, Any] | AIMessage | BaseException | Callable[[list[BaseMessage]], Any]
"""What a `FakeModel` answers, one of five:

- a text;
- a mapping: the fields of a structured answer. With tools bound, it is a call of the first one;
- an `AIMessage`, as it is: with `tool_calls` of any of the tools. A call's id that the conversation already
  has, or that is empty, is replaced by a new one;
- an error, which the call raises;
- a function of the list of messages of the call, which returns one of these: for what is known only then.
"""
_EXPECTED = "a text, a mapping, an AIMessage, an error to raise, or a function of the messages"
_MOST_ERRORS, _MOST_CALLS = 2, 5
"""How often the same call of a tool is answered in one turn before it counts as a loop."""


def check_answer(answer: object, where: str) -> None:
    """Check what a model is told to answer.

    Args:
        answer: to be checked.
        where: it was given, for the error.

    Raises:
        UsageError: it is no answer.
    """
    if isinstance(answer, type) and issubclass(answer, BaseException):
        raise UsageError(f"{where} is the class {answer.__name__}; pass an error: {answer.__name__}()")
    if inspect.iscoroutinefunction(answer):
        raise UsageError(f"{where} is an async function; expected {_EXPECTED} that is not async")
    if isinstance(answer, type) or not (_is_told(answer) or callable(answer)):
        raise UsageError(f"{where} is {answer!r:.80}; expected {_EXPECTED}")


def answer_message(
    answer: Answer | None, messages: list[BaseMessage], tools: Sequence[Mapping[str, Any]], *, must_call: bool
) -> AIMessage:
    """Return the message that an answer means.

    Args:
        answer: as it was given; None for none.
        messages: of the call.
        tools: that are bound, in OpenAI's form.
        must_call: whether the answer has to be a call of a tool, as structured output asks for.

    Raises:
        UsageError: a function returns what is no answer, or the agent calls a tool in a loop.
        BaseException: the error that the answer is.
    """
    if answer is not None and callable(answer) and not _is_told(answer):
        answer = answer(messages)
        if not _is_told(answer):
            raise UsageError(
                f"a function that answers for FakeModel returned {answer!r:.80}; expected a text, a mapping, "
                "an AIMessage, or an error to raise"
            )
    if isinstance(answer, BaseException):
        raise answer
    message = _message(answer, messages, tools, must_call=must_call)
    _check_loop(message.tool_calls, messages)
    return message


def _is_told(answer: object) -> bool:
    return isinstance(answer, str | Mapping | AIMessage | BaseException)


def _message(
    answer: Any, messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]], *, must_call: bool
) -> AIMessage:
    if isinstance(answer, AIMessage):
        return _as_new(answer, messages)
    if isinstance(answer, str):
        return AIMessage(answer)
    # An agent that was told nothing calls its first tool once, and then ends.
    has_called = bool(messages) and isinstance(messages[-1], ToolMessage) and not must_call
    if not tools or (answer is None and has_called):
        return AIMessage("ok" if answer is None else json.dumps(answer))
    function = tools[0]["function"]
    arguments = smallest(function["parameters"]) if answer is None else dict(answer)
    return _as_new(
        AIMessage("", tool_calls=[ToolCall(name=function["name"], args=arguments, id=None)]), messages
    )


def _as_new(message: AIMessage, messages: Sequence[BaseMessage]) -> AIMessage:
    """Return a copy that can stand in a conversation which already has the same message."""
    taken = {call["id"] for call in _calls(messages)}
    fresh = free_ids({*taken, *(call["id"] for call in message.tool_calls)})
    calls = list[ToolCall]()
    for call in message.tool_calls:
        id = next(fresh) if not call["id"] or call["id"] in taken else call["id"]
        calls.append({**call, "id": id})
        taken.add(id)
    is_known = message.id is not None and any(one.id == message.id for one in messages)
    return message.model_copy(update={"tool_calls": calls, "id": None if is_known else message.id})


def _calls(messages: Sequence[BaseMessage]) -> list[ToolCall]:
    return [call for one in messages if isinstance(one, AIMessage) for call in one.tool_calls]


def _check_loop(calls: Sequence[ToolCall], messages: Sequence[BaseMessage]) -> None:
    """Check that an agent does not call a tool again and again with the same arguments in one turn.

    Raises:
        UsageError: it does; the error has the last answer of the tool.
    """
    asked = max((at for at, one in enumerate(messages) if isinstance(one, HumanMessage)), default=0)
    turn = messages[asked:]
    results = {one.tool_call_id: one for one in turn if isinstance(one, ToolMessage)}
    for call in calls:
        same = [
            one["id"] for one in _calls(turn) if (one["name"], one["args"]) == (call["name"], call["args"])
        ]
        answers = [results[id] for id in same if id in results]
        errors = [one for one in answers if one.status == "error"]
        if len(errors) < _MOST_ERRORS and len(answers) < _MOST_CALLS:
            continue
        met = f"{len(errors)} errors" if len(errors) >= _MOST_ERRORS else f"{len(answers)} answers"
        raise UsageError(
            f"FakeModel calls the tool {call['name']!r} in a loop: the same arguments have had {met} in this "
            f"turn, the last one {answers[-1].text!r:.300}; mend the arguments, or add an answer after this "
            "one, to a text of the tool's answer, since the last one that matches wins"
        )
