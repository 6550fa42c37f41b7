"""The request of a governed model: by its own code, or the short way where that is the same."""

import asyncio
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.counted import with_details
from langgraph_parallel.runtime.direct import Direct, is_plain
from langgraph_parallel.runtime.models import GOVERNED_CLIENTS, plain_model
from langgraph_parallel.runtime.question_identity import describe_messages, describe_model
from langgraph_parallel.runtime.recording import read_usage
from langgraph_parallel.runtime.sender import PLAIN, Sending
from langgraph_parallel.runtime.transport import adopted_fields, is_openai

_SPECIAL = frozenset({"response_format", "extra_headers", "extra_query", "extra_body", "timeout"})
"""Parameters that the SDK treats in a way of its own."""


class Prepared(NamedTuple):
    """A governed model, ready for calls in one event loop."""

    model: Any
    """With our transport, where it is known how to give it one."""
    direct: Direct | None
    """The short way; None if it has none."""


class _Clients(WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[Any, dict[str, Any], Direct | None]]):
    """For each event loop: a model's own client, the fields with ours, and the short way."""

    def __deepcopy__(self, memo: object) -> "_Clients":
        return _Clients()


async def prepare(model: Any) -> Prepared:
    """Prepare a governed model for a call in the running event loop.

    Its settings are those of this moment. What is costly is kept with the model, for as long as it lives.
    """
    if not is_openai(model):
        return Prepared(model, None)
    clients: _Clients = model.__dict__.setdefault(GOVERNED_CLIENTS, _Clients())
    loop = asyncio.get_running_loop()
    kept = clients.get(loop)
    if kept is None or kept[0] is not model.root_async_client:
        fields = await adopted_fields(model)
        plain = plain_model(model).model_copy(update=fields)
        kept = clients[loop] = (model.root_async_client, fields, Direct.of(plain, {}))
    adopted = model.model_copy(update=kept[1]) if kept[1] else model
    is_short = is_plain(adopted) and not adopted.include_response_headers
    return Prepared(adopted, kept[2] if is_short else None)


class GovernedRequest:
    """Sends a prompt to a chat model, with all that LangChain gives along.

    Args:
        model: prepared.
        base: its class before it was governed, whose code makes the request.
        direct: the short way; None if it has none.
        stop: sequences that end an answer.
        run_manager: of LangChain, for the model's own code.
        options: of the call.
    """

    reports = False
    """LangChain reports the calls of a governed model to callbacks."""

    def __init__(
        self,
        model: Any,
        base: Any,
        direct: Direct | None,
        stop: list[str] | None,
        run_manager: Any,
        options: Mapping[str, Any],
    ) -> None:
        self._model, self._base, self._direct = model, base, direct
        self._stop, self._run_manager, self._options = stop, run_manager, options

    async def ainvoke(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, sending: Sending = PLAIN
    ) -> ChatResult:
        """Make one request."""
        if self._direct is not None and (body := self.body(messages)) is not None:
            return await self._post(self._direct, body)
        result: ChatResult = await self._base._agenerate(
            self._model, list(messages), stop=self._stop, run_manager=self._run_manager, **self._options
        )
        return result

    @property
    def direct(self) -> Direct | None:
        """Its direct path to the endpoint; None if it has none."""
        return self._direct

    def learn_from(self, error: Exception, messages: Sequence[BaseMessage]) -> None:
        """Raise LangChain's error for the answer to a request that was sent in another way."""
        _raise_as_langchain(error)

    def body(self, messages: Sequence[BaseMessage]) -> dict[str, Any] | None:
        """Return the request as a chat completion's JSON; None where the model's own code must make it."""
        if self._direct is None:
            return None
        payload: dict[str, Any] = self._model._get_request_payload(
            list(messages), stop=self._stop, **self._options
        )
        return payload if _is_plain(self._model, payload) else None

    def read(self, completion: Any) -> ChatResult:
        """Return the result that a chat completion holds."""
        from openai.types.chat import ChatCompletion

        result: ChatResult = self._model._create_chat_result(ChatCompletion.construct(**completion), {})
        return result

    def prefix_caching(self) -> None:
        """Return None: what the caller's prompts have in common is not known."""
        return

    def question(self, messages: Sequence[BaseMessage]) -> Any:
        """Return all on which an answer depends; None if it cannot be told from others."""
        model = describe_model(self._model)
        asked = [model, self._stop, dict(self._options), describe_messages(messages)]
        return None if model is None else asked

    def recalled(self, answer: ChatResult) -> None:
        """Do nothing: LangChain shows the result to those who listen."""

    def usage(self, answer: ChatResult) -> Usage:
        """Return the tokens of an answer."""
        return result_usage(answer)

    def remarks(self) -> Sequence[str]:
        """Return nothing: what the caller sends is sent."""
        return ()

    async def _post(self, direct: Direct, payload: dict[str, Any]) -> ChatResult:
        try:
            body = await direct.post(payload)
        except Exception as error:
            _raise_as_langchain(error)
            raise
        return self.read(body)


def _raise_as_langchain(error: Exception) -> None:
    """Raise LangChain's error for one of the SDK, if it has one."""
    import openai

    langchain_openai = sys.modules["langchain_openai.chat_models.base"]
    if isinstance(error, openai.BadRequestError):
        langchain_openai._handle_openai_bad_request(error)
    elif isinstance(error, openai.APIError):
        langchain_openai._handle_openai_api_error(error)


def result_usage(result: ChatResult) -> Usage:
    """Return the tokens of a result: each of several answers to a prompt carries those of all."""
    if not result.generations:
        return Usage()
    return with_details(
        read_usage(result.generations[0].message), (result.llm_output or {}).get("token_usage")
    )


def _is_plain(model: Any, payload: Mapping[str, Any]) -> bool:
    from openai import NotGiven, Omit

    if _SPECIAL & payload.keys() or payload.get("stream"):
        return False
    if any(isinstance(value, NotGiven | Omit) for value in payload.values()):
        return False
    return not model._use_responses_api(payload)
