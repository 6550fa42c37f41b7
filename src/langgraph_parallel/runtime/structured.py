"""Structured answers: a pydantic schema goes out as plain JSON schema, and text comes back.

The SDK's own parsing of pydantic schemas costs more than the rest of the call. So schemas are bound as plain
JSON schema, once, and the text is validated here.
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
from langgraph_parallel.prompts import load_prompt
from langgraph_parallel.records import Usage
from langgraph_parallel.runtime.direct import Direct
from langgraph_parallel.runtime.models import is_openai
from langgraph_parallel.runtime.recording import read_usage

stream_listener: ContextVar[Callable[[str | None], None] | None] = ContextVar("stream_listener", default=None)
"""Gets an answer's text in parts as they arrive, and None when an answer begins. If it is set, calls
stream."""

Schema = TypeVar("Schema", bound=BaseModel)
_JSON_ANSWER = load_prompt("json_answer")


@dataclass(frozen=True)
class BoundModel:
    """A model with everything bound to it that its calls share."""

    runnable: Runnable[Any, Any]
    suffix: str = ""
    """Appended to the last message, for models that cannot be given a schema."""
    direct: Direct | None = None
    """The short way; None if the model has none."""
    counts_streams: bool = False
    """Whether the model counts the tokens of a stream only on request."""

    async def ainvoke(self, messages: Sequence[BaseMessage], config: RunnableConfig) -> AIMessage:
        """Make one request.

        Raises:
            InvalidAnswer: the model did not return a message.
            Exception: the provider's error.
        """
        listener = stream_listener.get()
        if listener is None and self.direct is not None and self.direct.is_unheard(config):
            return await self.direct.ainvoke(messages)
        sent = list(messages)
        if self.suffix:
            sent[-1] = HumanMessage(f"{sent[-1].text}\n\n{self.suffix}")
        if listener is not None:
            return await self._stream(sent, config, listener)
        answer = await self.runnable.ainvoke(sent, config)
        if isinstance(answer, Mapping):  # `with_structured_output(include_raw=True)`
            raw = answer["raw"]
            return AIMessage(
                content=json.dumps(answer["parsed"]) if answer["parsed"] is not None else raw.text,
                usage_metadata=raw.usage_metadata,
            )
        if not isinstance(answer, AIMessage):
            raise InvalidAnswer(f"the model returned {type(answer).__name__}; expected a message")
        return answer

    def usage(self, answer: AIMessage) -> Usage:
        """Return the tokens of an answer."""
        return read_usage(answer)

    async def _stream(
        self, messages: Sequence[BaseMessage], config: RunnableConfig, listener: Callable[[str | None], None]
    ) -> AIMessage:
        """Stream one answer to a listener, and return it as a whole."""
        listener(None)
        whole: Any = None
        options: dict[str, Any] = {"stream_usage": True} if self.counts_streams else {}
        async for chunk in self.runnable.astream(messages, config, **options):
            listener(chunk.text)
            whole = chunk if whole is None else whole + chunk
        if whole is None:
            raise InvalidAnswer("the model returned an empty stream; expected at least one part")
        return AIMessage(content=whole.text, usage_metadata=whole.usage_metadata)


def bind(model: BaseChatModel, schema: type[BaseModel] | None, temperature: float | None) -> BoundModel:
    """Bind a schema and a temperature to a model, by the means that it offers."""
    options: dict[str, Any] = {} if temperature is None else {"temperature": temperature}
    if schema is None:
        speaks_openai = is_openai(model)
        direct = Direct.of(model, options) if speaks_openai else None
        bound = model.bind(**options) if options else model
        return BoundModel(bound, direct=direct, counts_streams=speaks_openai)
    plain = json_schema(schema)
    if is_openai(model):
        named = {"name": schema.__name__, "schema": plain, "strict": _is_strict(plain)}
        options["response_format"] = {"type": "json_schema", "json_schema": named}
        return BoundModel(model.bind(**options), direct=Direct.of(model, options))
    try:
        warm = _at_temperature(model, temperature)
        return BoundModel(warm.with_structured_output(plain, include_raw=True))
    except NotImplementedError:
        suffix = _JSON_ANSWER.render({"schema": json.dumps(plain, indent=2)})
        return BoundModel(model.bind(**options) if options else model, suffix)


def _at_temperature(model: BaseChatModel, temperature: float | None) -> BaseChatModel:
    """Return the model at a temperature, or unchanged if it has none."""
    # A copy and not an option: not every provider takes a temperature beside a schema.
    if temperature is None or "temperature" not in type(model).model_fields:
        return model
    return model.model_copy(update={"temperature": temperature})


def json_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON schema of a pydantic model that strict structured output accepts.

    Objects with known fields are closed, and all their fields are required. Defaults are left out, because
    strict mode refuses them.
    """
    plain: dict[str, Any] = _close_objects(schema.model_json_schema())
    return {"title": schema.__name__, "description": (schema.__doc__ or schema.__name__).strip()} | plain


def validate(message: AIMessage, schema: type[Schema]) -> Schema:
    """Validate an answer against a schema; its JSON may be inside a Markdown fence.

    Raises:
        RefusedAnswer: the model declined to answer.
        InvalidAnswer: the answer is not JSON, or does not fit; the message names the places.
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
"""Keywords whose keys are names, not keywords: a field may be called `default`."""
_TYPED = frozenset({"type", "$ref", "anyOf", "allOf", "oneOf", "enum", "const"})
"""Keywords of which a value's schema needs one in strict mode."""


def _close_objects(schema: Any) -> Any:
    """Return a schema in which objects are closed, fields required, and defaults left out, at every depth."""
    if isinstance(schema, list):
        return [_close_objects(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    node = {
        key: {name: _close_objects(field) for name, field in value.items()}
        if key in _NAMED
        else _close_objects(value)
        for key, value in schema.items()
        if key != "default"
    }
    if "properties" in node:
        node |= {"additionalProperties": False, "required": list(node["properties"])}
    return node


def _is_strict(schema: dict[str, Any]) -> bool:
    """Return whether strict mode accepts a schema: every object closed, every value of a known type."""
    if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
        return False
    fields = [field for key in _NAMED for field in schema.get(key, {}).values()]
    items = [schema["items"]] if isinstance(schema.get("items"), dict) else []
    alternatives = [
        alternative
        for key in ("anyOf", "allOf", "oneOf", "prefixItems")
        for alternative in schema.get(key, [])
    ]
    parts = [*fields, *items, *alternatives]
    return all(_TYPED & part.keys() and _is_strict(part) for part in parts)
