"""Structured answers: a pydantic schema goes out as plain JSON schema, and text comes back.

The SDK's own parsing of pydantic schemas costs more than the rest of the call, so schemas are bound as
plain JSON schema, once, and the text is validated here.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, ValidationError

from langgraph_parallel.errors import InvalidAnswer, RefusedAnswer
from langgraph_parallel.prompts import load
from langgraph_parallel.runtime.direct import Direct
from langgraph_parallel.runtime.models import is_openai

stream_listener: ContextVar[Callable[[str | None], None] | None] = ContextVar("stream_listener", default=None)
"""Gets the parts of an answer in text as they come; where it is set, the model is asked for a stream."""

Schema = TypeVar("Schema", bound=BaseModel)
_JSON_ANSWER = load("json_answer")


@dataclass(frozen=True)
class BoundModel:
    """A model with everything bound to it that its calls have in common."""

    runnable: Runnable[Any, Any]
    suffix: str = ""
    """Put behind the last message, for models that have no way to be given a schema."""
    direct: Direct | None = None
    """The short way, where there is one."""
    counts_streams: bool = False
    """Whether it has to be asked to count the tokens of a stream."""

    async def ainvoke(self, messages: Sequence[BaseMessage], config: RunnableConfig) -> AIMessage:
        """Make one request.

        Raises:
            InvalidAnswer: what came back is no message.
            Exception: whatever the provider raises.
        """
        tell = stream_listener.get()
        if tell is None and self.direct is not None and self.direct.is_unheard(config):
            return await self.direct.ainvoke(messages)
        asked = list(messages)
        if self.suffix:
            asked[-1] = HumanMessage(f"{asked[-1].text}\n\n{self.suffix}")
        if tell is not None:
            return await self._told(asked, config, tell)
        answer = await self.runnable.ainvoke(asked, config)
        if isinstance(answer, Mapping):  # `with_structured_output(include_raw=True)`
            raw = answer["raw"]
            return AIMessage(
                content=json.dumps(answer["parsed"]) if answer["parsed"] is not None else raw.text,
                usage_metadata=raw.usage_metadata,
            )
        if not isinstance(answer, AIMessage):
            raise InvalidAnswer(f"the model returned {type(answer).__name__}, not a message")
        return answer

    async def _told(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, tell: Callable[[str | None], None]
    ) -> AIMessage:
        """Stream one answer, and tell its parts as they come; None says that one begins."""
        tell(None)
        whole: Any = None
        counts: dict[str, Any] = {"stream_usage": True} if self.counts_streams else {}
        async for chunk in self.runnable.astream(messages, config, **counts):
            tell(chunk.text)
            whole = chunk if whole is None else whole + chunk
        if whole is None:
            raise InvalidAnswer("the model's stream was empty")
        return AIMessage(content=whole.text, usage_metadata=whole.usage_metadata)


def bind(model: BaseChatModel, schema: type[BaseModel] | None, temperature: float | None) -> BoundModel:
    """Bind a schema and a temperature to a model, in the way that this model offers."""
    options: dict[str, Any] = {} if temperature is None else {"temperature": temperature}
    if schema is None:
        ours = is_openai(model)
        direct = Direct.of(model, options) if ours else None
        return BoundModel(model.bind(**options) if options else model, direct=direct, counts_streams=ours)
    plain = json_schema(schema)
    if is_openai(model):
        wanted = {"name": schema.__name__, "schema": plain, "strict": _is_strict(plain)}
        options["response_format"] = {"type": "json_schema", "json_schema": wanted}
        return BoundModel(model.bind(**options), direct=Direct.of(model, options))
    try:
        return BoundModel(_warm(model, temperature).with_structured_output(plain, include_raw=True))
    except NotImplementedError:
        suffix = _JSON_ANSWER.render({"schema": json.dumps(plain, indent=2)})
        return BoundModel(model.bind(**options) if options else model, suffix)


def _warm(model: BaseChatModel, temperature: float | None) -> BaseChatModel:
    """The model at a temperature, where it has one; not every provider takes it with a schema."""
    if temperature is None or "temperature" not in type(model).model_fields:
        return model
    return model.model_copy(update={"temperature": temperature})


def json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """A pydantic model as the JSON schema that strict structured output takes.

    Objects with known fields are closed, and all of their fields required; defaults, which strict mode
    refuses, are left out.
    """
    plain: dict[str, Any] = _closed(schema.model_json_schema())
    return {"title": schema.__name__, "description": (schema.__doc__ or schema.__name__).strip()} | plain


def validate(message: AIMessage, schema: type[Schema]) -> Schema:
    """Read an answer as `schema`; a JSON object inside a Markdown fence is taken out of it.

    Raises:
        RefusedAnswer: the model declined.
        InvalidAnswer: there is no JSON in it, or it does not fit; the message says where.
    """
    if refusal := message.additional_kwargs.get("refusal"):
        raise RefusedAnswer(f"the model declined to answer: {refusal}")
    text = message.text.strip()
    if fenced := re.fullmatch(r"```\w*\n(.*?)\n?```", text, re.DOTALL):
        text = fenced[1]
    try:
        return schema.model_validate_json(text)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'answer'}: {problem['msg']}"
            for problem in error.errors()[:5]
        )
        raise InvalidAnswer(f"the answer does not fit {schema.__name__}: {problems}") from error


_NAMED = frozenset({"properties", "$defs"})
"""Keywords whose keys are names, not keywords."""
_TYPED = frozenset({"type", "$ref", "anyOf", "allOf", "oneOf", "enum", "const"})


def _closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    node = {
        key: {name: _closed(field) for name, field in value.items()} if key in _NAMED else _closed(value)
        for key, value in schema.items()
        if key != "default"
    }
    if "properties" in node:
        node |= {"additionalProperties": False, "required": list(node["properties"])}
    return node


def _is_strict(schema: dict[str, Any]) -> bool:
    """Whether strict mode takes a schema: every object closed, and every value of a known type."""
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return False
    named = [field for key in _NAMED for field in schema.get(key, {}).values()]
    items = [schema["items"]] if isinstance(schema.get("items"), dict) else []
    branches = [
        branch for key in ("anyOf", "allOf", "oneOf", "prefixItems") for branch in schema.get(key, [])
    ]
    below = [*named, *items, *branches]
    return all(_TYPED & field.keys() and _is_strict(field) for field in below)
