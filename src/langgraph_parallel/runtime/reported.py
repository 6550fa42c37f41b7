"""Reports of calls on the direct path to callbacks: the events that `ChatOpenAI` reports of its own calls.

Tracers, token counters and handlers of users see the same events, in the same order, with the same contents
as on the long way. What all calls of one worker have in common is asked of LangChain once. Its own functions
are used wherever it has one, and where a version lacks one of them, such calls take the long way.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManager, BaseCallbackHandler, BaseCallbackManager
from langchain_core.callbacks.manager import AsyncCallbackManagerForLLMRun
from langchain_core.messages import LC_ID_PREFIX, AIMessage, BaseMessage
from langchain_core.outputs import LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config, var_child_runnable_config
from langchain_core.tracers.base import BaseTracer

from langgraph_parallel.runtime.completed import check_is_whole, complete_fields
from langgraph_parallel.runtime.recording import Unheard

ends_for_sure: ContextVar[bool] = ContextVar("ends_for_sure", default=False)
"""Whether handlers are told of a run whose end will be told as well, however the call ends."""


class Reporter:
    """What all reports of one worker's calls have in common.

    Args:
        model: a `ChatOpenAI`.
        options: what is bound to it, such as a temperature.

    Raises:
        ImportError, AttributeError: this version of LangChain has not what is needed.
    """

    def __init__(self, model: Any, options: Mapping[str, Any]) -> None:
        from langchain_core.language_models._utils import _filter_invocation_params_for_tracing as traced
        from langchain_core.language_models.chat_models import _generate_response_from_error
        from langchain_openai.chat_models import base

        self._model = model
        self._serialized = model._serialized
        self._params = model._get_invocation_params(stop=None, **options)
        self._metadata = model._get_ls_params_with_defaults(stop=None, **options)
        self._traced = traced(self._params)
        blocks = model.output_version not in (None, "v0")
        self.is_exact = not (blocks or model.include_response_headers)
        """Whether reports are those of `ChatOpenAI`: it may return content blocks, or headers."""
        self._structured = "response_format" in options
        self._of_error = _generate_response_from_error
        self._add_gateway = base._add_gateway_metadata
        self._raise_bad_request = base._handle_openai_bad_request
        self._raise_api_error = base._handle_openai_api_error
        self._create_result = model._create_chat_result

    def is_heard(self, config: RunnableConfig) -> bool:
        """Return whether something listens to a call with this config."""
        callbacks = config.get("callbacks")
        if callbacks is None:
            callbacks = (var_child_runnable_config.get() or {}).get("callbacks")
        given = callbacks.handlers if isinstance(callbacks, BaseCallbackManager) else callbacks or []
        if any(map(_listens, given)):
            return True
        # Asked for each call: a tracer may be switched on at any time.
        manager = AsyncCallbackManager.configure(callbacks, self._model.callbacks, self._model.verbose)
        return any(map(_listens, manager.handlers))

    def listeners(self, config: RunnableConfig) -> AsyncCallbackManager:
        """Return what listens to a call with this config, as `ChatOpenAI` finds it.

        Args:
            config: with all keys.
        """
        model = self._model
        manager = AsyncCallbackManager.configure(
            config.get("callbacks"),
            model.callbacks,
            model.verbose,
            config.get("tags"),
            model.tags,
            {**config["metadata"], **self._metadata},
            model.metadata,
            langsmith_inheritable_metadata=self._traced,
        )
        # Calls of `Ask` are governed by themselves.
        manager.handlers = list(filter(_listens, manager.handlers))
        return manager

    async def start(
        self, manager: AsyncCallbackManager, messages: Sequence[BaseMessage], config: RunnableConfig
    ) -> "Report":
        """Report that a call begins.

        Raises:
            Exception: of a handler that may stop the call.
        """
        token = ends_for_sure.set(True)
        try:
            (run,) = await manager.on_chat_model_start(
                self._serialized,
                [list(messages)],
                invocation_params=dict(self._params),
                options={"stop": None},
                name=config.get("run_name"),
                batch_size=1,
                run_id=config.get("run_id"),
            )
        finally:
            ends_for_sure.reset(token)
        return Report(self, run)

    def exact_listeners(self, config: RunnableConfig) -> AsyncCallbackManager | None:
        """Return what listens to a call; None if it cannot be told what `ChatOpenAI` tells of it.

        Args:
            config: with all keys.
        """
        listeners = self.listeners(config)
        return listeners if self.is_exact and not is_streamed_to(listeners.handlers) else None

    def tells_exactly(self, config: RunnableConfig) -> bool:
        """Return whether those who listen to calls with a config, if any do, can be told of them exactly."""
        return not self.is_heard(config) or self.exact_listeners(ensure_config(config)) is not None

    @asynccontextmanager
    async def telling(
        self,
        messages: Sequence[BaseMessage],
        listening: Iterable[tuple[AsyncCallbackManager, RunnableConfig]],
    ) -> "AsyncIterator[list[Report]]":
        """Report that calls begin, and that they fail if an error leaves the block.

        The caller reports their end.

        Args:
            messages: the prompt.
            listening: for each call, what listens to it, and its config.

        Raises:
            Exception: the error as LangChain's, or that of a handler.
        """
        reports: list[Report] = []
        try:
            for listeners, config in listening:
                reports.append(await self.start(listeners, messages, config))
            yield reports
        except Exception as error:
            seen = self.as_langchain(error)
            for report in reports:
                await report.fail(seen)
            if seen is error:
                raise
            raise seen from error
        except BaseException as cut:
            for report in reports:
                report.cut_off(cut)
            raise

    async def tell(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, ask: Callable[[], Awaitable[Any]]
    ) -> Any:
        """Make a request in another way, report it if something listens, and return the body of its answer.

        Raises:
            Exception: the request's error; LangChain's if something listens, or that of a handler.
        """
        import httpx2

        if not self.is_heard(config):
            return await ask()
        config = ensure_config(config)
        async with self.telling(messages, [(self.listeners(config), config)]) as (report,):
            body = await ask()
        await report.end(body, httpx2.Response(200))
        return body

    def result(self, body: Any, response: Any, run_id: object) -> LLMResult:
        """Return an answer as `ChatOpenAI` reports it.

        Raises:
            LengthFinishReasonError, ContentFilterFinishReasonError: a structured answer was cut off.
        """
        completion = complete_fields(body)
        if self._structured:
            check_is_whole(completion)
        info: dict[str, Any] = {}
        self._add_gateway(info, response)
        created = self._create_result(completion, info)
        for index, (generation, choice) in enumerate(
            zip(created.generations, completion["choices"], strict=True)
        ):
            message = cast("AIMessage", generation.message)
            if index == 0:
                parsed = {"parsed": None} if self._structured else {}
                message.additional_kwargs |= {**parsed, "refusal": choice["message"].get("refusal")}
            if message.id is None:
                message.id = f"{LC_ID_PREFIX}-{run_id}-{index}"
            about = {key: generation.generation_info[key] for key in ("finish_reason", "logprobs")}
            outer = created.llm_output if len(created.generations) == 1 else {}
            message.response_metadata = {**outer, **about, **message.response_metadata}
        return LLMResult(generations=[created.generations], llm_output=created.llm_output)

    def as_langchain(self, error: Exception) -> Exception:
        """Return the error that `ChatOpenAI` makes of one of the SDK's."""
        import openai

        try:
            try:
                raise error
            except openai.BadRequestError as refused:
                self._raise_bad_request(refused)
            except openai.APIError as failed:
                self._raise_api_error(failed)
        except Exception as seen:
            return seen
        return error  # pragma: no cover

    def response(self, error: BaseException) -> LLMResult:
        """Return what an endpoint answered with an error."""
        return LLMResult(generations=[self._of_error(error)])


class Report:
    """The report of one call.

    Args:
        reporter: of its worker.
        run: LangChain's, which has begun.
    """

    def __init__(self, reporter: Reporter, run: AsyncCallbackManagerForLLMRun) -> None:
        self._reporter, self._run = reporter, run

    async def end(self, body: Any, response: Any) -> None:
        """Report an answer.

        Args:
            body: of the answer, a chat completion.
            response: of HTTP.
        """
        from openai import OpenAIError

        try:
            result = self._reporter.result(body, response, self._run.run_id)
        except OpenAIError as error:  # a structured answer that was cut off
            error.response = response  # type: ignore[attr-defined]  # as `ChatOpenAI` does
            await self.fail(error)
            return
        await self._run.on_llm_end(result)

    async def fail(self, error: Exception) -> None:
        """Report an error."""
        await self._run.on_llm_error(error, response=self._reporter.response(error))

    def cut_off(self, error: BaseException) -> None:
        """End the run of tracers: LangChain tells nobody of a call that is cancelled.

        In a trace, such a run would stay in progress for ever.
        """
        for handler in self._run.handlers:
            if isinstance(handler, BaseTracer) and not inspect.iscoroutinefunction(handler.on_llm_error):
                handler.on_llm_error(error, run_id=self._run.run_id)


def _listens(handler: object) -> bool:
    return not isinstance(handler, Unheard)


def is_streamed_to(handlers: Sequence[BaseCallbackHandler]) -> bool:
    """Return whether one of the handlers makes a chat model stream its answer."""
    from langchain_core.tracers import _streaming

    v2: Any = getattr(_streaming, "_V2StreamingCallbackHandler", ())
    return any(
        hasattr(handler, "tap_output_aiter") or (v2 and isinstance(handler, v2)) for handler in handlers
    )
