"""The leaf: one question to one model."""

import asyncio
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from langgraph_parallel.errors import InputError, InvalidAnswer
from langgraph_parallel.nodes.work.render import titled
from langgraph_parallel.prompts import Prompt, as_prompt, compose, load
from langgraph_parallel.records import Estimate, Section, Usage
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.context import Context, current_context
from langgraph_parallel.runtime.limiter import Rates, get_limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.loops import loop_local_async
from langgraph_parallel.runtime.models import (
    ModelLike,
    check_model,
    get_endpoint,
    get_model,
    model_name,
    nameable_model,
    require_model,
)
from langgraph_parallel.runtime.prices import Priced, check_budget
from langgraph_parallel.runtime.redis_limits import get_shared
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.structured import BoundModel, bind, validate
from langgraph_parallel.runtime.tokens import estimate_tokens

_REPAIR = load("repair")
_REPAIR_TOKENS = 200
"""What the request for a repair adds to the prompt and the answer that it repeats."""

Prepared = tuple[BaseChatModel, BoundModel, Priced, str]
"""A model, which is held so that its id stays its own; bound; with its name in price lists; its endpoint."""


class Ask:
    """A worker that renders a prompt, calls a model, and returns its text or a checked record.

    Every variable of the prompt is data from outside, and stands inside a boundary that it cannot forge,
    unless `given` sets it or `instructing` names it. An answer that does not fit the schema gets one repair
    attempt, with the validation error shown to the model. Every call is governed by the limits, and by the
    budget and the deadline of the run that it is part of (`runtime.calling`).

    Args:
        prompt: text with variables, a Markdown file, or a `Prompt`.
        model: `provider:model` or a chat model; by default, what the environment names. The runtime
            context's model takes precedence, unless `pinned`.
        schema: a pydantic model for the answer; without one the answer is text.
        temperature: passed to the model where it is set.
        limits: what this worker sets of them; for the order of precedence see `runtime.limits`.
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
        self.prompt = as_prompt(prompt)
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
            NotStarted: the run makes no more calls: its budget is spent, or it is being stopped.
            EndpointPaused: the endpoint wants to be left alone for longer than the limits allow.
            TimeoutError: no answer in time, in any attempt; `DeadlineExceeded` when the run's time is over.
            Exception: what the provider raises, after the last attempt.
        """
        messages = self._messages(self._data(input))
        calling = await self._calling(config or {})
        answer = await calling.send(messages)
        if self.schema is None:
            return answer.text
        try:
            return validate(answer, self.schema)
        except InvalidAnswer as error:
            repair = HumanMessage(_REPAIR.render({"error": str(error)}))
            again = await calling.send([*messages, AIMessage(answer.text), repair], what="repair")
            return validate(again, self.schema)

    def estimate(self, input: object, run: Run, context: Context, *, more: int = 0) -> Estimate:
        """What an answer takes at most: one request, and a repair where there is a schema.

        Args:
            input: as `ainvoke`.
            run: whose limits hold.
            context: whose model is asked.
            more: tokens of the prompt that are not known yet: answers of others.

        Raises:
            InputError, PromptError, ModelError: as `ainvoke`, but a key is not needed.
        """
        limits = run.limits_for(self.limits)
        prompt = more + sum(estimate_tokens(m.text) for m in self._messages(self._data(input)))
        repairs = 0 if self.schema is None else 1
        asked = prompt + repairs * (prompt + limits.answer_tokens + _REPAIR_TOKENS)
        answered = limits.answer_tokens * (1 + repairs)
        priced = Priced.of(nameable_model(self.chosen(context))).at(limits)
        return Estimate(
            calls=1,
            most_calls=limits.attempts * (1 + repairs) * (1 if limits.hedge == "off" else 2),
            input_tokens=asked,
            output_tokens=answered,
            usd=priced.usd(Usage(input_tokens=asked, output_tokens=answered)),
        )

    async def _calling(self, config: RunnableConfig) -> Calling:
        """Everything that a call needs, in the run that this code is part of."""
        run = current_run()
        model = await get_model(self.chosen(current_context()))
        limits = run.limits_for(self.limits)
        key = ("bound", id(model), self.schema, self.temperature)
        _, bound, named, endpoint = await loop_local_async(key, lambda: self._prepare(model))
        priced = named.at(limits)
        check_budget(limits, priced)
        return Calling(
            bound=bound,
            target=priced.model,
            limiter=get_limiter(endpoint, priced.model),
            rates=Rates.of(limits),
            limits=limits,
            priced=priced,
            run=run,
            config=config,
            shared=await get_shared(endpoint, priced.model),
        )

    async def _prepare(self, model: BaseChatModel) -> Prepared:
        """What all calls to one model have in common; made once for them."""
        priced = Priced.of(model)
        await asyncio.to_thread(priced.usd, Usage())  # the price list takes a while to read
        return model, bind(model, self.schema, self.temperature), priced, get_endpoint(model)

    def _data(self, input: object) -> dict[str, str]:
        names = self.variables
        if isinstance(input, str):
            if len(names) != 1:
                raise InputError(
                    f"prompt {self.prompt.name!r} has {len(names)} variables; pass a mapping, not a text"
                )
            return dict.fromkeys(names, input)
        held = _variables(input)
        if missing := names - held.keys():
            lacking = ", ".join(sorted(missing))
            raise InputError(f"prompt {self.prompt.name!r} needs {lacking}; the input has {sorted(held)}")
        return {name: _text(held[name]) for name in names}

    def _messages(self, values: Mapping[str, str]) -> list[BaseMessage]:
        trusted = {name: value for name, value in values.items() if name in self.instructing}
        data = {name: value for name, value in values.items() if name not in trusted}
        composed = compose(self.prompt, data, {**self.given, **trusted}, role=self.role)
        return [SystemMessage(composed.system), HumanMessage(composed.human)]


def _variables(input: object) -> dict[str, Any]:
    """What a mapping or a record holds; of a section its `data` and the earlier results, too."""
    if isinstance(input, Section):
        return {**input.data, **dict(input), "earlier": titled(input.earlier.items())}
    return dict(input) if isinstance(input, Mapping | BaseModel) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
