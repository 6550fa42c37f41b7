"""Requests to the client: its roots, and a person's decision. Clients of two eras answer them in two ways.

Up to the protocol of 2025-11-25 a server sends a request of its own while a tool works. From 2026-07-28 on it
returns what it wants to know as the result of the call, and the client calls again with the answers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.shared.message import ServerMessageMetadata
from pydantic import BaseModel

Context = ServerRequestContext[Any, Any]
T = TypeVar("T", bound=BaseModel)


class InputNeeded(Exception):
    """The call ends with questions to the client, which calls again with the answers."""

    def __init__(self, result: types.InputRequiredResult) -> None:
        super().__init__("the client is asked")
        self.result = result


async def ask_client(
    context: Context,
    params: types.CallToolRequestParams,
    key: str,
    request: types.ListRootsRequest | types.ElicitRequest,
    answer: type[T],
    state: str | None = None,
) -> T:
    """Ask the client something, and return its answer.

    Args:
        context: of the call.
        params: of the call.
        key: names the question.
        request: the question.
        answer: type of the answer.
        state: handed back by a client that calls again.

    Raises:
        InputNeeded: the client has to call again.
        MCPError: the client answered with an error.
    """
    if context.session.can_send_request:
        metadata = ServerMessageMetadata(related_request_id=context.request_id)
        return await context.session.send_request(request, answer, metadata=metadata)
    given = (params.input_responses or {}).get(key)
    if isinstance(given, answer):
        return given
    raise InputNeeded(types.InputRequiredResult(input_requests={key: request}, request_state=state))


def lists_roots(context: Context) -> bool:
    """Return whether the client can say which folders it works in."""
    capabilities = context.session.client_capabilities
    return capabilities is not None and capabilities.roots is not None


def can_ask_person(context: Context) -> bool:
    """Return whether the client can put a form before a person."""
    capabilities = context.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities is not None else None
    # Before there were other kinds, a client said no more than that it can.
    return elicitation is not None and (elicitation.form is not None or elicitation.url is None)


def folders_of(roots: Sequence[types.Root]) -> list[Path]:
    """Return the folders on this machine among the roots of a client."""
    parts = [urlsplit(str(root.uri)) for root in roots]
    paths = [Path(unquote(one.path)) for one in parts if one.scheme == "file" and not one.query]
    return [path for path in paths if path.is_absolute() and path.is_dir()]
