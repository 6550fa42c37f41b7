"""A scripted model of an agent: which tools it calls, turn by turn; its server answers voters as well."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from tests.support.server import ModelServer, Reply, Request

Calls = Sequence[tuple[str, dict[str, Any]]]
"""Tool calls of one turn: name and arguments."""


def turn_body(calls: Calls, turn: int = 0, text: str = "done") -> dict[str, Any]:
    """Return the body of an answer that calls tools; without calls, of one with a text."""
    message: dict[str, Any] = {"role": "assistant", "content": None if calls else text}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{turn}_{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for number, (name, arguments) in enumerate(calls)
        ]
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "agent",
        "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def turns_of(request: Request) -> int:
    """Return how many answers of the model a request of an agent has in it."""
    return sum(message["role"] == "assistant" for message in request.body["messages"])


def is_agent(request: Request) -> bool:
    """Return whether a request is of an agent: it offers a tool that is no form of an answer."""
    return bool(request.body["model"] == "agent")


def script(server: ModelServer, *turns: Calls, when: Callable[[Request], bool] = is_agent) -> None:
    """Answer the requests of an agent with these turns, and with a text after the last one.

    Args:
        server: that it asks.
        turns: its tool calls.
        when: tells its requests from those of others.
    """
    for number in range(len(turns) + 1):
        calls = turns[number] if number < len(turns) else ()

        def matches(request: Request, number: int = number) -> bool:
            done = turns_of(request)
            return when(request) and (done == number or (number == len(turns) and done > number))

        server.on(matches, Reply(body=turn_body(calls, number)))
