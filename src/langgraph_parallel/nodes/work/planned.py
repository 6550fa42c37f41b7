"""What one answer of an `Ask` takes at most, and the call that it is expected to be."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.runnables import RunnableConfig
from pydantic import BaseModel

from langgraph_parallel.answers.fields import ceiling_of
from langgraph_parallel.nodes.work.variables import divided, values_of
from langgraph_parallel.records import Estimate, Usage
from langgraph_parallel.runtime.answer_setting import store_of
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.limiter_registry import get_limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, get_endpoint, model_name, nameable_model
from langgraph_parallel.runtime.named_model import known_model
from langgraph_parallel.runtime.planned_calls import LONG, Apart, PlannedCall, plan_call
from langgraph_parallel.runtime.prefix_cost import Begins
from langgraph_parallel.runtime.prefix_observed import observed
from langgraph_parallel.runtime.prefix_terms import cache_rates
from langgraph_parallel.runtime.prices import Priced, dearest
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.run import Run
from langgraph_parallel.runtime.sample_request import TOGETHER
from langgraph_parallel.runtime.samples import shared_texts
from langgraph_parallel.runtime.structured import BoundModel
from langgraph_parallel.runtime.tokens import count_tokens, estimate_tokens, expect_tokens
from langgraph_parallel.runtime.transport import is_openai

if TYPE_CHECKING:
    from langgraph_parallel.nodes.work.ask import Ask

_REPAIR_TOKENS = 800
"""Tokens that a repair request adds to the prompt and the answer that it repeats."""
_KEPT = "Answers that the cache of answers has kept are not counted: what was asked before costs nothing."


def estimate_answer(
    ask: "Ask", prompt: Rendered, input: object, run: Run, context: Context, more: int
) -> Estimate:
    """Return the upper bounds of one answer: a request, and a repair if there is a schema; plan the call.

    Args:
        ask: what is estimated.
        prompt: of it, as far as it is known.
        input: of the prompt.
        run: whose limits apply.
        context: whose model is asked.
        more: most tokens of the prompt that are not known yet, such as answers of others.
    """
    limits, models = run.limits_for(ask.limits), ask.models_in(run, context)
    plan_call(_plan(ask, prompt, nameable_model(models[0]), run, more, _apart(ask, input)))
    repairs = 0 if ask.schema is None else 1
    tokens = more + count_tokens(prompt.messages)
    asked = tokens + repairs * (tokens + limits.answer_tokens + _REPAIR_TOKENS)
    answered = limits.answer_tokens * (1 + repairs)
    usd = dearest(models, limits, Usage(input_tokens=asked, output_tokens=answered))
    hedged = 1 if limits.hedge == "off" else 2
    return Estimate(
        calls=1,
        most_calls=limits.attempts * (1 + repairs) * hedged * len(models),
        input_tokens=asked,
        output_tokens=answered,
        usd=None if usd is None else usd * hedged,
        notes=[
            *_price_notes(models, limits),
            *([] if store_of(ask.answer_store, run.answers.store) is None else [_KEPT]),
        ],
    )


def _price_notes(models: Sequence[ModelLike | None], limits: Limits) -> Iterator[str]:
    """Say which models have no price, and whose price it is where several may answer."""
    named = [nameable_model(model) for model in models]
    for model in named:
        if not Priced.of(model).at(limits).known:
            yield (
                f"The price of {_shown(model)} is not known: set price_input and price_output in the limits "
                "(LANGGRAPH_PARALLEL_PRICE_INPUT and LANGGRAPH_PARALLEL_PRICE_OUTPUT in a shell), in US "
                "dollars per million tokens."
            )
    if len(named) > 1:
        names = ", ".join(map(_shown, named))
        yield f"The greatest cost is that of the dearest of the models that may answer: {names}."


def _shown(model: str | BaseChatModel) -> str:
    return model if isinstance(model, str) else model_name(model)


def _plan(
    ask: "Ask",
    prompt: Rendered,
    model: str | BaseChatModel,
    run: Run,
    more: int,
    apart: Mapping[str, str],
) -> PlannedCall:
    """Return the call that an answer is expected to take."""
    limits, schema = run.limits_for(ask.limits), ask.schema
    sender = _sender(run, model, schema, ask.temperature)
    priced = Priced.of(model).at(limits)
    made = model if isinstance(model, BaseChatModel) else known_model(model)
    endpoint = "" if made is None else get_endpoint(made)
    answer, ceiling = limits.answer_tokens, limits.max_answer_tokens or ceiling_of(schema)
    expected = min(answer, ceiling or answer)
    if sender is not None:
        expected = get_limiter(endpoint, priced.model).expected_answer(expected)
    preface = "" if schema is None else schema.__name__
    known, density = _count(prompt.messages)
    unknown = more * expected // answer
    tokens = known + unknown
    begins = Begins(
        tokens, [((preface, digest), min(tokens, int(size * density))) for digest, size in prompt.prefixes]
    )
    asks_openai = made is not None and is_openai(made)
    shared = None if sender is None or not asks_openai else _shared(sender, prompt, limits, run, unknown)
    call = PlannedCall(
        priced=priced,
        prompt=begins,
        answer_tokens=expected,
        is_led=limits.leader != "off",
        is_written=asks_openai,  # those of Anthropic are written only where they are marked, for a leader
        lane=limits.lane,
        may_batch=asks_openai,
        apart=_sized(apart, preface, density),
    )
    if shared is not None and sender is not None:
        most = sender.dialect.samples.most(schema)
        call = call._replace(alike=shared[0], is_sampled=shared[1], most_samples=most)
    seen = observed(endpoint, priced.model)
    if seen.is_pointless:  # what a leader has sent is not found by those that follow it
        return call
    minimum = LONG if sender is None else sender.prefix_caching().minimum
    return call._replace(cache=cache_rates(priced, limits, minimum, seen))


def _shared(
    sender: BoundModel, prompt: Rendered, limits: Limits, run: Run, more: int
) -> tuple[Hashable, bool] | None:
    """Return what is equal among calls that may share a request, and whether they do.

    None if none may, whatever the limits say of samples.
    """
    asked, config = limits.model_copy(update={"samples": "on"}), RunnableConfig()
    cuts_off = run.fan_out.cuts_off
    texts = shared_texts(TOGETHER.may_share, sender, prompt, asked, config, cuts_off=cuts_off)
    if texts is None:
        return None
    used = shared_texts(TOGETHER.may_share, sender, prompt, limits, config, cuts_off=cuts_off, more=more)
    return (sender, texts), used is not None


class _Senders(dict[Hashable, tuple[object, BoundModel]]):
    """What an estimate would send the calls of a run by, with the models that their keys name."""


def _sender(
    run: Run, model: str | BaseChatModel, schema: type[BaseModel] | None, temperature: float | None
) -> BoundModel | None:
    """Return what a run would send a call by: one for all calls that differ in nothing; None if not known."""
    senders = run.kept.setdefault(_Senders, _Senders())
    key = (model if isinstance(model, str) else id(model), schema, temperature)
    if key not in senders:
        if (made := known_model(model)) is None:
            return None
        senders[key] = (model, BoundModel(made, schema, temperature))
    sender: BoundModel = senders[key][1]
    return sender


def _count(messages: Sequence[BaseMessage]) -> tuple[int, float]:
    """Return the tokens to expect of messages, and how many of them there are for each byte of text."""
    texts = [message.text for message in messages]
    of_media = count_tokens(messages) - sum(map(estimate_tokens, texts))
    size = sum(map(_size, texts))
    tokens = sum(map(expect_tokens, texts))
    return of_media + tokens, tokens / size if size else 0.0


def _apart(ask: "Ask", input: object) -> dict[str, str]:
    """Return the long texts of an input that are data, and not said to be what siblings have in common."""
    names = ask.variables - set(ask.shared) - ask.instructing
    values: dict[str, Any] = values_of(input, ask.variables, ask.prompt.name) if names else {}
    texts = ((name, divided(values[name])[0]) for name in sorted(names))
    return {name: text for name, text in texts if len(text) >= LONG}


def _sized(texts: Mapping[str, str], preface: str, density: float) -> Sequence[Apart]:
    """Return those of the texts that a provider's cache would keep."""
    sizes = ((name, text, int(_size(text) * density)) for name, text in texts.items())
    return tuple(Apart(name, (preface, text), tokens) for name, text, tokens in sizes if tokens >= LONG)


def _size(text: str) -> int:
    return len(text.encode(errors="surrogatepass"))
