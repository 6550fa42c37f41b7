"""What one answer of an `Ask` takes at most, and the call that it is expected to be."""

from collections.abc import Hashable, Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from pydantic import BaseModel

from langgraph_parallel.answers.fields import ceiling_of
from langgraph_parallel.records import Estimate, Usage
from langgraph_parallel.runtime.chained import first_of
from langgraph_parallel.runtime.dialect import get_dialect
from langgraph_parallel.runtime.limiter_registry import get_limiter
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import ModelLike, get_endpoint, nameable_model
from langgraph_parallel.runtime.planned_calls import PlannedCall, plan_call
from langgraph_parallel.runtime.prefix_cost import Begins
from langgraph_parallel.runtime.prefix_observed import Observed, observed
from langgraph_parallel.runtime.prefix_terms import cache_rates, caching_of
from langgraph_parallel.runtime.prices import Priced, dearest
from langgraph_parallel.runtime.rendered import Rendered
from langgraph_parallel.runtime.tokens import count_tokens, estimate_tokens, expect_tokens
from langgraph_parallel.runtime.transport import is_openai

_MINIMUM = 1024
"""Least tokens of a prefix that a provider keeps, where the model is not known yet."""


_REPAIR_TOKENS = 800
"""Tokens that a repair request adds to the prompt and the answer that it repeats."""


def estimate_answer(
    prompt: Rendered,
    models: Sequence[ModelLike | None],
    schema: type[BaseModel] | None,
    temperature: float | None,
    limits: Limits,
    more: int,
) -> Estimate:
    """Return the upper bounds of one answer: a request, and a repair if there is a schema; plan the call.

    Args:
        prompt: what is asked, as far as it is known.
        models: that is asked, and its fallbacks.
        schema: of the answer.
        temperature: sampling temperature.
        limits: of the call.
        more: most tokens of the prompt that are not known yet, such as answers of others.
    """
    model = first_of(nameable_model(models[0]))
    plan_call(_plan(prompt, model, schema, temperature, limits, more))
    repairs = 0 if schema is None else 1
    tokens = more + count_tokens(prompt.messages)
    asked = tokens + repairs * (tokens + limits.answer_tokens + _REPAIR_TOKENS)
    answered = limits.answer_tokens * (1 + repairs)
    return Estimate(
        calls=1,
        most_calls=limits.attempts * (1 + repairs) * (1 if limits.hedge == "off" else 2) * len(models),
        input_tokens=asked,
        output_tokens=answered,
        usd=dearest(models, limits, Usage(input_tokens=asked, output_tokens=answered)),
    )


def _plan(
    prompt: Rendered,
    model: ModelLike,
    schema: type[BaseModel] | None,
    temperature: float | None,
    limits: Limits,
    more: int,
) -> PlannedCall:
    """Return the call that an answer is expected to take."""
    made = model if isinstance(model, BaseChatModel) else None
    priced = Priced.of(model).at(limits)
    endpoint = "" if made is None else get_endpoint(made)
    answer, ceiling = limits.answer_tokens, limits.max_answer_tokens or ceiling_of(schema)
    expected = min(answer, ceiling or answer)
    if made is not None:
        expected = get_limiter(endpoint, priced.model).expected_answer(expected)
    asks_openai = is_openai(made) if made is not None else str(model).startswith("openai:")
    preface = "" if schema is None else schema.__name__
    known, density = _count(prompt.messages)
    tokens = known + more * expected // answer
    seen = observed(endpoint, priced.model) if made is not None else Observed()
    return PlannedCall(
        priced=priced,
        prompt=Begins(
            tokens,
            [((preface, digest), min(tokens, int(size * density))) for digest, size in prompt.prefixes],
        ),
        answer_tokens=expected,
        alike=_alike(prompt, made, schema) if asks_openai and temperature != 0 else None,
        cache=cache_rates(priced, limits, _minimum(made, schema), seen),
        is_led=limits.leader != "off",
        is_written=asks_openai,  # those of Anthropic are written only where they are marked, for a leader
        is_sampled=limits.samples != "off",
        lane=limits.lane,
        may_batch=asks_openai,
    )


def _count(messages: Sequence[BaseMessage]) -> tuple[int, float]:
    """Return the tokens to expect of messages, and how many of them there are for each byte of text."""
    texts = [message.text for message in messages]
    of_media = count_tokens(messages) - sum(map(estimate_tokens, texts))
    size = sum(len(text.encode(errors="surrogatepass")) for text in texts)
    tokens = sum(map(expect_tokens, texts))
    return of_media + tokens, tokens / size if size else 0.0


def _alike(prompt: Rendered, model: BaseChatModel | None, schema: type[BaseModel] | None) -> Hashable:
    """Return what is equal among calls that may share a request; None if none may, or its endpoint cannot."""
    if prompt.alike is None:
        return None
    if model is not None:
        dialect = get_dialect(get_endpoint(model), Priced.of(model).model)
        if dialect.samples.most(schema) < 2:
            return None
    return (schema, *(message.text for message in prompt.alike))


def _minimum(model: BaseChatModel | None, schema: type[BaseModel] | None) -> int:
    if model is None:
        return _MINIMUM
    return caching_of(model, schema, get_dialect(get_endpoint(model), Priced.of(model).model)).minimum
