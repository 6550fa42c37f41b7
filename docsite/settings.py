"""Reference page of settings and variables."""

from collections.abc import Iterator
from typing import Any

from docsite.markup import bullets, page
from langgraph_parallel.runtime.context import Context, ReviewContext, VotingContext
from langgraph_parallel.runtime.limits import PREFIX, Limits

VARIABLES = {
    "LANGGRAPH_PARALLEL_MODEL": "Model of graphs that name none: `provider:model`.",
    "LANGGRAPH_PARALLEL_COMPLETION": "Completion policy where none is given, such as `min_success(0.8)`.",
    "LANGGRAPH_PARALLEL_CACHE": "A cache of answers for all graphs: true for the default place, or a file.",
    "LANGGRAPH_PARALLEL_BATCHES": "Folder of the ledger of batches; default: in the state directory.",
    "LANGGRAPH_PARALLEL_REDIS_URL": "Redis through which processes share limits (the extra `redis`).",
    "LANGGRAPH_PARALLEL_TRACE": "What a trace holds: `full`, `branches` or `graph`.",
    "LANGGRAPH_PARALLEL_TRACE_FEEDBACK": "`true` sends the KPIs of runs to LangSmith as feedback.",
    "LANGGRAPH_PARALLEL_ANNOTATION_QUEUE": "LangSmith's queue for the traces of runs that ask a person.",
    "LANGGRAPH_PARALLEL_CHAT_PROGRESS": "`true` shows in chat UIs what runs do while they go on.",
    "LANGGRAPH_PARALLEL_RECORD": "A file, or a folder/, for the records of runs.",
    "LANGGRAPH_PARALLEL_RECORD_CONTENTS": "`true`: these hold answers, values and messages of errors.",
    "LANGGRAPH_PARALLEL_TRACE_CONTENTS": "`false` keeps prompts, documents and answers out of traces.",
    "OPENAI_API_KEY": "Key of OpenAI. With it, `openai:gpt-5-mini` is the model where none is named.",
    "OPENAI_BASE_URL": "Address of another OpenAI-compatible server, which may need no key.",
    "LANGSMITH_TRACING": "`true` sends traces to LangSmith; its other variables hold as well.",
    "LANGGRAPH_STRICT_MSGPACK": "LangGraph's: only known types are read; see `records.record_types`.",
    "NO_COLOR": "Set to anything: the command line prints no colours.",
    "XDG_CACHE_HOME": "Folder below which a cache of answers is kept by default.",
    "XDG_STATE_HOME": "Folder below which the command line keeps runs.",
}
"""Variables of the environment besides those of the limits."""


def pages() -> Iterator[tuple[str, str]]:
    """Yield the page, by its path in the documentation."""
    yield "reference/settings.md", page("Settings and variables", _blocks())


def _blocks() -> Iterator[str]:
    yield (
        "Each limit can be set in five places; the first wins: the runtime context of one run "
        '(`context={"limits": {...}}`), the worker (`Ask(limits=...)`), the graph (`limits=`, options of the '
        "command line; an inner graph before the one around it), the environment, the default. Budgets and "
        "deadlines of nested graphs all apply."
    )
    yield "## Limits"
    yield "Fields of `Limits`, and of `limits=` as a mapping. The variable of a field is in brackets."
    yield bullets(
        f"`{name}` (`{PREFIX}{name.upper()}`): {field.description or field.title} Default: {_default(field)}."
        for name, field in Limits.model_fields.items()
    )
    yield "## Runtime context"
    yield "Settings of one run: `ainvoke(..., context=...)`, a form in Studio. Empty: as the graph was built."
    for context in (Context, VotingContext, ReviewContext):
        inherited = Context.model_fields if context is not Context else {}
        fields = {name: one for name, one in context.model_fields.items() if name not in inherited}
        yield f"**{context.__name__}**" + (": also those of `Context`" if inherited else "")
        yield bullets(f"`{name}`: {field.description}" for name, field in fields.items())
    yield "## Variables"
    yield bullets(f"`{name}`: {text}" for name, text in VARIABLES.items())
    yield "## `[tool.langgraph-parallel]` in `pyproject.toml`"
    yield (
        "Of the command `review`: `aspects`, `select`, `ignore` (lists), `min-severity` and `fail-on` "
        "(`high`, `medium` or `low`). Options of the command line win."
    )


def _default(field: Any) -> str:
    return "none" if field.default is None else f"`{field.default}`"
