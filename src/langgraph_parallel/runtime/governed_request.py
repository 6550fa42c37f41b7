"""The request of a governed model: by its own code, or the short way where that is the same."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langchain_core.runnables import RunnableConfig

from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.direct import Direct
from langgraph_parallel.runtime.loops import loop_local_async
from langgraph_parallel.runtime.models import is_openai
from langgraph_parallel.runtime.recording import read_usage

_SPECIAL = frozenset({"response_format", "extra_headers", "extra_query", "extra_body", "timeout"})
"""Parameters that the SDK treats in a way of its own."""


class GovernedRequest:
    """Sends a prompt to a chat model, with all that LangChain gives along.

    Args:
        model: with our transport.
        direct: the short way; None if it has none.
        stop: sequences that end an answer.
        run_manager: of LangChain, for the model's own code.
        options: of the call.
    """

    def __init__(
        self,
        model: Any,
        direct: Direct | None,
        stop: list[str] | None,
        run_manager: Any,
        options: Mapping[str, Any],
    ) -> None:
        self._model, self._direct = model, direct
        self._stop, self._run_manager, self._options = stop, run_manager, options

    @classmethod
    async def of(
        cls, model: BaseChatModel, stop: list[str] | None, run_manager: Any, options: Mapping[str, Any]
    ) -> "GovernedRequest":
        """Prepare a request; what all requests of the model share is prepared once for each event loop."""

        async def prepare() -> tuple[BaseChatModel, Direct | None]:
            direct = Direct.of(model, {}) if is_openai(model) else None
            return model, None if getattr(model, "include_response_headers", False) else direct

        _, direct = await loop_local_async(("governed", id(model)), prepare)
        return cls(model, direct, stop, run_manager, options)

    async def ainvoke(self, messages: Sequence[BaseMessage], config: RunnableConfig) -> ChatResult:
        """Make one request."""
        if self._direct is not None:
            payload = self._model._get_request_payload(list(messages), stop=self._stop, **self._options)
            if _is_plain(self._model, payload):
                return await self._post(self._direct, payload)
        result: ChatResult = await self._model._agenerate(
            list(messages), stop=self._stop, run_manager=self._run_manager, **self._options
        )
        return result

    def usage(self, answer: ChatResult) -> Usage:
        """Return the tokens of an answer."""
        return result_usage(answer)

    async def _post(self, direct: Direct, payload: dict[str, Any]) -> ChatResult:
        import openai
        from openai.types.chat import ChatCompletion

        langchain_openai = sys.modules["langchain_openai.chat_models.base"]
        try:
            body = await direct.post(payload)
        except openai.BadRequestError as error:
            langchain_openai._handle_openai_bad_request(error)
            raise
        except openai.APIError as error:
            langchain_openai._handle_openai_api_error(error)
            raise
        result: ChatResult = self._model._create_chat_result(ChatCompletion.construct(**body), {})
        return result


def result_usage(result: ChatResult) -> Usage:
    """Return the tokens of a result: each of several answers to a prompt carries those of all."""
    return read_usage(result.generations[0].message) if result.generations else Usage()


def _is_plain(model: Any, payload: Mapping[str, Any]) -> bool:
    if _SPECIAL & payload.keys() or payload.get("stream"):
        return False
    return not model._use_responses_api(payload)
