"""The leaf: one question to one model."""

import asyncio
import json
import time
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from langgraph_parallel.errors import InputError, InvalidAnswer
from langgraph_parallel.prompts import Prompt, compose, load, prompt_of
from langgraph_parallel.records import Call
from langgraph_parallel.runtime.context import Context, current_context, limits_of
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.loops import loop_local
from langgraph_parallel.runtime.models import ModelLike, check_model, get_model, model_name, require_model
from langgraph_parallel.runtime.recording import record, usage_of
from langgraph_parallel.runtime.retry import is_throttled, retrying
from langgraph_parallel.runtime.structured import BoundModel, bind, validate

_REPAIR = load("repair")


class Ask:
    """A worker that renders a prompt, calls a model, and returns its text or a checked record.

    Every variable of the prompt is data from outside, and stands inside a boundary that it cannot forge,
    unless `given` sets it or `instructing` names it. An answer that does not fit the schema gets one repair
    attempt, with the validation error shown to the model. Calls are tried again, timed and recorded as the
    limits say; a slot of the endpoint is held only while a request is in flight, never while waiting to
    retry.

    Args:
        prompt: text with variables, a Markdown file, or a `Prompt`.
        model: `provider:model` or a chat model; by default, what the environment names. The runtime
            context's model takes precedence, unless `pinned`.
        schema: a pydantic model for the answer; without one the answer is text.
        temperature: passed to the model where it is set.
        limits: by default those of the runtime context.
        given: values for variables that may instruct the model, because they are ours.
        instructing: variables of the input that may instruct the model, because you trust where they come
            from: a section's `instructions` where they are your own criteria. A plan made by a model is
            made of what it read, and stays data.
        role: a last sentence for the system message.
        pinned: keep `model` whatever the runtime context says: a panel of several models.

    Raises:
        PromptError: the prompt is empty or cannot be read, or `given` names what is no variable of it.
        ModelError: the model cannot be one.
    """

    def __init__(
        self,
        prompt: str | Path | Prompt,
        *,
        model: ModelLike | None = None,
        schema: type[BaseModel] | None = None,
        temperature: float | None = None,
        limits: Limits | None = None,
        given: Mapping[str, str] | None = None,
        instructing: Collection[str] = (),
        role: str = "",
        pinned: bool = False,
    ) -> None:
        if model is not None:
            check_model(model)
        self.prompt = prompt_of(prompt)
        self.given = dict(given or {})
        self.instructing = frozenset(instructing)
        self.prompt.check(self.prompt.variables, needs=self.given)
        self.model = model
        self.schema = schema
        self.temperature = temperature
        self.limits = limits
        self.role = role
        self.pinned = pinned

    @classmethod
    def shipped(cls, prompt: str, **options: Any) -> Self:
        """Ask with a prompt that ships with the package, by its name."""
        return cls(load(prompt), **options)

    @property
    def variables(self) -> frozenset[str]:
        """What the input has to bring."""
        return self.prompt.variables - self.given.keys()

    def model_in_use(self) -> str:
        """The name of the model that would be asked now, by the run's context."""
        return model_name(require_model(self.chosen(current_context())))

    def chosen(self, context: Context) -> ModelLike | None:
        """The model to ask in a run with this context; None for what the environment names."""
        return self.model if self.pinned else context.model or self.model

    async def ainvoke(self, input: object, config: RunnableConfig | None = None) -> Any:
        """Ask once.

        Args:
            input: a mapping or a record that holds the prompt's variables; a text, where there is one.
            config: its `run_name` becomes the name of the model call in traces.

        Returns:
            An instance of the schema, or the answer's text.

        Raises:
            InputError, PromptError, ModelError: before any call.
            InvalidAnswer, RefusedAnswer: the model answered, but not to the question.
            TimeoutError: no answer in time, in any attempt.
            Exception: what the provider raises, after the last attempt.
        """
        messages = self._messages(self._data(input))
        context = current_context()
        model = await get_model(self.chosen(context))
        limits = limits_of(context, self.limits)
        request = _Request(
            bound=loop_local(
                ("bound", id(model), self.schema, self.temperature),
                lambda: (model, bind(model, self.schema, self.temperature)),
            )[1],
            target=model_name(model),
            slots=_slots(str(getattr(model, "openai_api_base", "")), model_name(model), limits.concurrency),
            limits=limits,
            config=config or {},
        )
        answer = await request.send(messages)
        if self.schema is None:
            return answer.text
        try:
            return validate(answer, self.schema)
        except InvalidAnswer as error:
            repair = HumanMessage(_REPAIR.render({"error": str(error)}))
            again = await request.send([*messages, AIMessage(answer.text), repair], what="repair")
            return validate(again, self.schema)

    def _data(self, input: object) -> dict[str, str]:
        names = self.variables
        if isinstance(input, str):
            if len(names) != 1:
                raise InputError(
                    f"prompt {self.prompt.name!r} has {len(names)} variables; pass a mapping, not a text"
                )
            return dict.fromkeys(names, input)
        held = dict(input) if isinstance(input, Mapping | BaseModel) else {}
        if missing := names - held.keys():
            lacking = ", ".join(sorted(missing))
            raise InputError(f"prompt {self.prompt.name!r} needs {lacking}; the input has {sorted(held)}")
        return {name: _text(held[name]) for name in names}

    def _messages(self, values: Mapping[str, str]) -> list[BaseMessage]:
        trusted = {name: value for name, value in values.items() if name in self.instructing}
        data = {name: value for name, value in values.items() if name not in trusted}
        composed = compose(self.prompt, data, {**self.given, **trusted}, role=self.role)
        return [SystemMessage(composed.system), HumanMessage(composed.human)]


class _Request:
    """Requests of one question: the first, its retries, and the repair."""

    def __init__(
        self, bound: BoundModel, target: str, slots: asyncio.Semaphore, limits: Limits, config: RunnableConfig
    ) -> None:
        self.bound = bound
        self.target = target
        self.slots = slots
        self.limits = limits
        self.config = config

    async def send(self, messages: list[BaseMessage], what: str = "") -> AIMessage:
        """Send until there is an answer or the limits are reached."""
        async for attempt in retrying(self.limits):
            with attempt:
                async with self.slots:
                    return await self._once(messages, attempt.retry_state.attempt_number, what)
        raise AssertionError("tenacity re-raises the last error")  # pragma: no cover

    async def _once(self, messages: list[BaseMessage], attempt: int, what: str) -> AIMessage:
        run_id = uuid.uuid4()
        name = self.config.get("run_name") or self.target
        config: RunnableConfig = {**self.config, "run_id": run_id, "run_name": f"{name} {what}".strip()}
        call = Call(
            id=str(run_id), kind="model", target=self.target, started=time.time(), ended=0, attempt=attempt
        )
        outcome: dict[str, Any] = {"ok": False}
        try:
            async with asyncio.timeout(self.limits.call_timeout):
                answer = await self.bound.ainvoke(messages, config)
            outcome = {"usage": usage_of(answer)}
            return answer
        except TimeoutError as error:
            raise TimeoutError(
                f"no answer from {self.target} within {self.limits.call_timeout:g} s"
            ) from error
        except Exception as error:
            outcome["throttled"] = is_throttled(error)
            raise
        finally:
            record(call.model_copy(update={"ended": time.time(), **outcome}))


def _slots(endpoint: str, model: str, most: int) -> asyncio.Semaphore:
    """The requests that may be in flight for one model of one endpoint, over all runs with this bound."""
    return loop_local(("slots", endpoint, model, most), lambda: asyncio.Semaphore(most))


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
