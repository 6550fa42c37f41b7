"""The form of requests to one model: what is bound to it, by the means that it and its endpoint offer."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable
from pydantic import BaseModel

from langgraph_parallel.answers.schema import is_strict, json_schema
from langgraph_parallel.errors import InvalidAnswer
from langgraph_parallel.runtime.dialect import CEILINGS, FORMAT, STRICT, Dialect
from langgraph_parallel.runtime.direct import Direct

OPTIONAL = ("temperature", "top_p", "seed", "stop", "frequency_penalty", "presence_penalty")
"""Parameters without which an answer is still one to the same question."""


class Form(NamedTuple):
    """A model, bound in one version of the dialect."""

    version: int
    runnable: Runnable[Any, Any]
    direct: Direct | None
    sent: tuple[str, ...]
    """Parameters that the endpoint may refuse, and without which it can be asked again."""
    ceiling: int | None
    """Ceiling of tokens that is sent; None for none."""
    streams: bool = True
    """Whether its stream has messages as parts."""
    messages: Runnable[Any, Any] | None = None
    """The part of it whose stream has messages as parts; None if it has none."""


def response_format(schema: type[BaseModel], dialect: Dialect, *, bounded: bool) -> dict[str, Any]:
    """Return how an answer in JSON is asked for.

    Args:
        schema: of the answer.
        dialect: of the endpoint.
        bounded: whether lists and texts get a bound, for servers that would never end them.
    """
    if dialect.format == "json_object":
        return {"type": "json_object"}
    plain = json_schema(schema, bounded=bounded)
    named = {"name": schema.__name__, "schema": plain}
    strict = {} if STRICT in dialect.dropped else {"strict": is_strict(plain)}
    return {"type": "json_schema", "json_schema": {**named, **strict}}


def refusable(sent: Mapping[str, Any], dialect: Dialect) -> tuple[str, ...]:
    """Return the parameters of a request that an endpoint may refuse."""
    inner = sent.get("extra_body") or {}
    names = [name for name in (*OPTIONAL, *CEILINGS) if name in sent or name in inner]
    if FORMAT in sent:
        has_strict = "strict" in (sent[FORMAT].get("json_schema") or {})
        names += [STRICT, FORMAT] if has_strict else [FORMAT]
    return tuple(name for name in names if name not in dialect.dropped)


def fields_of(model: BaseChatModel) -> dict[str, Any]:
    """Return the parameters that a model of the caller's sends by itself."""
    return {name: value for name in OPTIONAL if (value := getattr(model, name, None)) is not None}


def without(model: BaseChatModel, dropped: Mapping[str, str]) -> BaseChatModel:
    """Return a model that does not send some parameters."""
    fields = {name: None for name in dropped if getattr(model, name, None) is not None}
    return model.model_copy(update=fields) if fields else model


def form_of_others(
    model: BaseChatModel, schema: type[BaseModel] | None, dialect: Dialect, options: Mapping[str, Any]
) -> Form:
    """Bind a model of another provider than OpenAI.

    Args:
        model: without what its endpoint does not take.
        schema: of its answers; None for text.
        dialect: of its endpoint.
        options: such as a temperature.
    """
    version = dialect.version
    # A copy and not an option: not every provider takes a temperature beside a schema.
    fields = {name: value for name, value in options.items() if name in type(model).model_fields}
    warm = model.model_copy(update=fields) if fields else model
    sent = tuple(name for name in OPTIONAL if getattr(warm, name, None) is not None)
    if schema is None or dialect.format == "text":
        return Form(version, warm, None, sent, None, messages=warm)
    try:
        structured = warm.with_structured_output(json_schema(schema), include_raw=True)
    except NotImplementedError:
        return Form(version, warm, None, sent, None, messages=warm)
    bound = cast("Runnable[Any, Any]", structured)
    # Beside the parser, of which nothing is used.
    raw = getattr(getattr(structured, "first", None), "steps__", {}).get("raw")
    return Form(version, bound, None, (FORMAT, *sent), None, streams=False, messages=raw)


def as_message(answer: Any) -> AIMessage:
    """Return the message that a bound model has returned.

    Raises:
        InvalidAnswer: it is none.
    """
    if isinstance(answer, Mapping):  # `with_structured_output(include_raw=True)`
        # Not what was parsed of it: LangChain mends JSON that is cut off, and so makes answers up.
        answer = answer["raw"]
    if not isinstance(answer, AIMessage):
        raise InvalidAnswer(f"the model returned {type(answer).__name__}; expected a message")
    return answer
