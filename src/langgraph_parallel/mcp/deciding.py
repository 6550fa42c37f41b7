"""An undecided vote before a person: the interrupt of a run as a form of the client, and the answer back."""

from collections.abc import Mapping
from typing import Any

from mcp import types

from langgraph_parallel.runtime.asked import VOTE

_LONGEST = 4_000
"""Characters of the message that the client shows."""
_SIMPLE = {"string", "number"}


def decision_form(request: Mapping[str, Any]) -> types.ElicitRequest | None:
    """Return the form for one undecided vote; None if a form of the protocol cannot hold its answer.

    Args:
        request: the value of the interrupt.
    """
    schema = request["review_configs"][0]["args_schema"]["properties"]["choice"]
    choices = schema.get("enum")
    kind = schema.get("type", "string")
    if kind not in _SIMPLE or (choices is not None and not all(isinstance(one, str) for one in choices)):
        return None
    choice: dict[str, Any] = {"type": kind, "title": "Choice"}
    if choices is not None:
        choice["enum"] = list(choices)
    description = request["action_requests"][0]["description"]
    message = description if len(description) <= _LONGEST else f"{description[:_LONGEST]}…"
    return types.ElicitRequest(
        params=types.ElicitRequestFormParams(
            message=message,
            requested_schema={
                "type": "object",
                "properties": {"choice": choice, "note": {"type": "string", "title": "Comment"}},
                "required": ["choice"],
            },
        )
    )


def decision(request: Mapping[str, Any], answer: types.ElicitResult | None) -> dict[str, Any]:
    """Return what resumes the run: the person's choice, or that the vote stays undecided.

    Args:
        request: the value of the interrupt.
        answer: of the client; None if nobody was asked.
    """
    content = answer.content or {} if answer is not None and answer.action == "accept" else {}
    choice, note = content.get("choice"), str(content.get("note") or "")
    schema = request["review_configs"][0]["args_schema"]["properties"]["choice"]
    is_valid = choice in schema["enum"] if "enum" in schema else choice not in (None, "")
    if not is_valid:
        why = "nobody was asked" if answer is None else note or "the person made no choice"
        return {"decisions": [{"type": "reject", "message": why}]}
    edited = {"name": VOTE, "args": {"choice": choice}}
    return {"decisions": [{"type": "edit", "edited_action": edited, "message": note}]}
