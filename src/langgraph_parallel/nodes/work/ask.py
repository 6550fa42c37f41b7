"""Ask: one question to one model."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from copy import copy
from functools import partial
from typing import Any, Self

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from langgraph_parallel.answers.fields import ceiling_of
from langgraph_parallel.answers.message import read_message, unstripped
from langgraph_parallel.answers.read import read_record
from langgraph_parallel.arguments import at_least, checked
from langgraph_parallel.errors import CutAnswer, EmptyAnswer, InvalidAnswer
from langgraph_parallel.nodes.work.arrange import render
from langgraph_parallel.nodes.work.form import answer_form, repair_message
from langgraph_parallel.nodes.work.planned import estimate_answer
from langgraph_parallel.nodes.work.spare import AsksModels
from langgraph_parallel.nodes.work.variables import values_of
from langgraph_parallel.prompts import PromptLike, as_prompt, load_prompt
from langgraph_parallel.records import Estimate, Usage
from langgraph_parallel.runtime.account import Account
from langgraph_parallel.runtime.answer_setting import CacheLike, as_cache
from langgraph_parallel.runtime.calling import Calling
from langgraph_parallel.runtime.context import Context, current_context
from langgraph_parallel.runtime.fallbacks import Chain
from langgraph_parallel.runtime.limiter_registry import get_limiter
from langgraph_parallel.runtime.limits import Limits, worker_limits
from langgraph_parallel.runtime.loops import latest_of_loop, made_once
from langgraph_parallel.runtime.models import ModelLike, get_endpoint, get_model, is_self_hosted
from langgraph_parallel.runtime.prices import Priced, check_budget, check_prices
from langgraph_parallel.runtime.recording import note
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.run import Run, current_run
from langgraph_parallel.runtime.sample_request import TOGETHER
from langgraph_parallel.runtime.shared_limits import get_shared
from langgraph_parallel.runtime.slots import Rates
from langgraph_parallel.runtime.structured import BoundModel

_CONTINUE = load_prompt("continue")
_MOST_PREPARED = 256

Prepared = tuple[BaseChatModel, BoundModel, Priced, str, Account]
"""The model (kept alive, since its id is the cache key), bound; its price, its endpoint, and its account."""

_Asking = Calling[AIMessage] | Chain[AIMessage]
"""The calls to a model, or to one and its fallbacks."""


class Ask(AsksModels):
    """A worker that renders a prompt, calls a model, and returns its text or a checked record.

    Prompt variables are data: each stands inside a boundary that it cannot forge, unless `given` sets it or
    `instructing` names it. An answer that does not fit the schema gets one repair attempt, with the
    validation error shown to the model. Every call obeys the limits, the budget and the deadline of its run
    (`runtime.calling`).

    Args:
        prompt: text with variables in single braces, a Markdown file, or a `Prompt`.
        model: `provider:model` or a chat model; by default the one that the environment names. The runtime
            context's model takes precedence, unless `pinned`.
        schema: pydantic model of the answer; None for text.
        temperature: sampling temperature; None for the provider's default.
        limits: `Limits` or a mapping of its fields; for the precedence see `runtime.limits`.
        given: values of variables that may instruct the model, because the application wrote them.
        instructing: input variables that may instruct the model, because you trust their source, such as a
            section's `instructions` when they are your own criteria. A plan written by a model stays data.
        role: who the model is: last sentence of the system message, or of the prompt if something is shared.
        shared: variables whose values sibling calls have in common, the most common first. Data among them
            comes before the prompt, which names it instead, so that a provider bills it once in full (see
            `Limits.leader`). By default what the prompt says itself, as those of this package do.
        continuations: how often a text that was cut off at its token limit is continued; by default such an
            answer fails.
        cache: a cache of answers for this worker, as for a graph; False if its answers must be new each time.
            None for that of its run. Outside of any graph, each call is a run of its own.
        pinned: keep `model` even if the runtime context names another one.
        fallbacks: models that are asked, in their order, where the one before does not answer
            (`runtime.fallbacks`); those of a model of LangChain's with fallbacks come before them. None for
            the graph's. Those of the runtime context take precedence, unless `pinned`.

    Raises:
        PromptError: the prompt is empty or unreadable, or `given` or `shared` names an unknown variable.
        ModelError: the model is not valid.
        UsageError: `limits` has an unknown key, or a limit of runs; an argument has the wrong type.
    """

    @checked
    def __init__(
        self,
        prompt: PromptLike,
        *,
        model: ModelLike | None = None,
        schema: type[BaseModel] | None = None,
        temperature: float | None = None,
        limits: Limits | Mapping[str, Any] | None = None,
        given: Mapping[str, str] | None = None,
        instructing: Collection[str] = (),
        role: str = "",
        shared: Sequence[str] | None = None,
        continuations: int = 0,
        cache: CacheLike | None = None,
        pinned: bool = False,
        fallbacks: Sequence[ModelLike] | None = None,
    ) -> None:
        self.prompt = as_prompt(prompt)
        self.given = dict(given or {})
        self.instructing = frozenset(instructing)
        self.prompt.check(self.prompt.variables, needs=self.given)
        self.schema = schema
        self.temperature = temperature
        self.set_models(model, fallbacks, worker_limits(limits), pinned=pinned)
        self.role = role
        said = self.prompt.shared or ()
        self.shared = tuple(said) if shared is None else self.prompt.check_shared(shared)
        self.number_line = ""
        """The sentence that tells a member of a panel its number; see `numbered`."""
        at_least(continuations, "continuations", 0)
        self.continuations = continuations
        self.answer_store = as_cache(cache)

    @classmethod
    def shipped(cls, prompt: str, **options: Any) -> Self:
        """Build an `Ask` with a shipped prompt, by its name."""
        return cls(load_prompt(prompt), **options)

    def numbered(self, line: str) -> Self:
        """Return this worker as a member of a panel that is told its number, at the very end of its prompt.

        Members with equal prompts send different requests thereby, which no cache can answer with one answer;
        and what they have in common is known to be all the rest.
        """
        member = copy(self)
        member.number_line = line
        return member

    @property
    def variables(self) -> frozenset[str]:
        """The variables that the input must provide."""
        return self.prompt.variables - self.given.keys() if self.given else self.prompt.variables

    async def ainvoke(self, input: object, config: RunnableConfig | None = None) -> Any:
        """Ask once.

        Args:
            input: a mapping or a record with the prompt's variables; a text if there is only one variable. A
                value may be a list of texts and content blocks (see `media`), where the model takes them.
            config: its `run_name` names the model call in traces.

        Returns:
            An instance of the schema, or the answer's text.

        Raises:
            InputError, PromptError, ModelError: before any call.
            InvalidAnswer, RefusedAnswer: the answer does not fit the schema, or the model declined.
            CutAnswer, EmptyAnswer, FilteredAnswer: the answer was cut off at its token limit, is empty, or
                was withheld by the provider's content filter.
            NotStarted: the budget is spent, or the run is draining.
            EndpointPaused: the endpoint asks for a longer pause than the limits allow.
            TimeoutError: no answer in time in any attempt; `DeadlineExceeded` if the run's deadline passed.
            ModelsFailed: the model and its fallbacks failed.
            Exception: the provider's error, after the last attempt.
        """
        prompt = self._render(input)
        calling = await self._calling(config or {})
        answer = await self._ask(prompt, calling)
        await calling.answered()
        return answer

    async def _ask(self, prompt: Rendered, calling: _Asking) -> Any:
        message = await calling.send(prompt)
        calling.note_remarks()
        if self.schema is None:
            return await self._whole_text(message, prompt, calling)
        try:
            return self._read(message, self.schema)
        except (EmptyAnswer, InvalidAnswer) as error:
            repair = repair_message(error, self.schema)
            # An empty answer is left out: not every server takes an empty message.
            before = [AIMessage(message.text)] if message.text.strip() else []
            again = await calling.send(prompt.followed_by(*before, repair), purpose="repair")
            return self._read(again, self.schema, abstain=True)

    def _read(self, message: AIMessage, schema: type[BaseModel], *, abstain: bool = False) -> BaseModel:
        fitted = read_record(read_message(message), schema, abstain=abstain)
        for remark in fitted.notes:
            note(remark)
        return fitted.record

    async def _whole_text(self, message: AIMessage, prompt: Rendered, calling: _Asking) -> str:
        """Return the text of an answer, continued where it was cut off and the caller asks for that."""
        text = ""
        for left in reversed(range(self.continuations + 1)):
            try:
                whole = read_message(message).whole_text()
                return f"{text}{unstripped(message)}".strip() if text else whole
            except CutAnswer as cut:
                if not left or not cut.partial:
                    raise
            text += unstripped(message)
            so_far = prompt.followed_by(AIMessage(text), HumanMessage(_CONTINUE.text))
            message = await calling.send(so_far, purpose="continue")
        raise AssertionError("the last answer is returned or raises")  # pragma: no cover

    def estimate(self, input: object, run: Run, context: Context, *, more: int = 0) -> Estimate:
        """Return the upper bounds of one answer: a request, and a repair if there is a schema.

        Args:
            input: as `ainvoke`.
            run: whose limits apply.
            context: whose model is asked.
            more: prompt tokens that are not known yet, such as answers of others.

        Raises:
            InputError, PromptError, ModelError: as `ainvoke`, except that no API key is required.
        """
        return estimate_answer(self, self._render(input), input, run, context, more)

    async def _calling(self, config: RunnableConfig) -> _Asking:
        """Collect what a call needs in the current run: of the model, and of those that may follow it."""
        run, context = current_run(), current_context()
        chosen, fallbacks = self.chosen(context), self.fallbacks_in(run, context)
        if not fallbacks:
            return await self._calling_to(chosen, run, config)
        check_prices(run.limits_for(self.limits), fallbacks)
        prepare = partial(self._calling_to, run=run, config=config)
        return Chain([chosen, *fallbacks], prepare, self.spare.handled)

    async def _calling_to(
        self, chosen: ModelLike | None, run: Run, config: RunnableConfig
    ) -> Calling[AIMessage]:
        """Collect what a call to one model needs: once for all calls in this event loop."""
        loop = asyncio.get_running_loop()
        key = (id(self), id(loop), chosen if isinstance(chosen, str) else id(chosen))
        if key not in run.prepared and len(run.prepared) >= _MOST_PREPARED:
            run.prepared.clear()  # of code that makes a new one for each call

        calling, _ = await made_once(run.prepared, key, lambda: self._prepare_calling(run, chosen))
        return calling.below(run, config)

    async def _prepare_calling(self, run: Run, chosen: ModelLike | None) -> tuple[Calling[AIMessage], object]:
        """Return the call, and what has to live as long as the key that names it."""
        model = await get_model(chosen)
        limits = run.limits_for(self.spare.limits_of(chosen, self.limits))
        ceiling = limits.max_answer_tokens
        if ceiling is None and is_self_hosted(model):
            ceiling = ceiling_of(self.schema)
        key = (id(model), self.schema, self.temperature, ceiling)
        _, bound, named, endpoint, account = await latest_of_loop(
            "bound", key, lambda: self._prepare(model, ceiling or None)
        )
        priced = named.at(limits)
        check_budget(limits, priced)
        calling = Calling(
            sender=bound,
            target=priced.model,
            endpoint=endpoint,
            account=account,
            limiter=get_limiter(endpoint, priced.model),
            rates=Rates.of(limits),
            limits=limits,
            priced=priced,
            run=run,
            config=RunnableConfig(),
            shared=await get_shared(endpoint, priced.model),
            answer_store=self.answer_store,
            together=TOGETHER,
        )
        return calling, (self, asyncio.get_running_loop(), chosen)

    async def _prepare(self, model: BaseChatModel, ceiling: int | None) -> Prepared:
        """Prepare what all calls to one model share, once for each event loop."""
        priced = Priced.of(model)
        # Reading the price table takes time: not in the event loop.
        await asyncio.to_thread(priced.usd, Usage())
        bound = BoundModel(model, self.schema, self.temperature, ceiling)
        return model, bound, priced, get_endpoint(model), Account.of(model)

    def _render(self, input: object) -> Rendered:
        return render(
            self.prompt,
            values_of(input, self.variables, self.prompt.name),
            given=self.given,
            instructing=self.instructing,
            shared=self.shared,
            form="" if self.schema is None else answer_form(self.schema),
            role=self.role,
            number_line=self.number_line,
        )


def is_unwatched_ask(worker: object) -> bool:
    """Return whether a worker is an `Ask` and nothing else, whose models have no callbacks of their own."""
    return type(worker) is Ask and not any(getattr(model, "callbacks", None) for model in worker.models)
