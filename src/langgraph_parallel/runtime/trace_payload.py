"""What trace runs carry: contents once and where they are wanted; names, numbers and sizes elsewhere."""

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from langchain_core.load import dumpd
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, Generation, LLMResult

from langgraph_parallel.counted import count
from langgraph_parallel.records import Branch
from langgraph_parallel.runtime.excerpts import is_stored_plan, with_texts

_BELOW = frozenset({"branches", "sections", "run_report", "calls", "ballots"})
"""Keys of a graph's output that its branches have in their own runs, or that only count."""
_KNOWN = frozenset(
    {
        "branch",
        "branch_kind",
        "model",
        "model_name",
        "thread_id",
        "run_id",
        "run_attempt",
        "assistant_id",
        "graph_id",
        "checkpoint_ns",
        "checkpoint_id",
        "lc_agent_name",
        "usage_metadata",
        "_type",
        "ls_provider",
        "ls_model_name",
        "ls_model_type",
        "ls_integration",
        "ls_agent_type",
        "ls_run_depth",
        "langgraph_version",
        "langgraph_step",
        "langgraph_node",
        "langgraph_triggers",
        "langgraph_path",
        "langgraph_checkpoint_ns",
    }
)
"""Metadata that says which step of which graph or model a run is."""
_MOST_KEYS = 40
_LONGEST_KEY = 60


class LeftOut(Exception):
    """Stands for an error whose words may quote contents."""


class BranchFailed(Exception):
    """Marks the run of a branch that failed, which is a record and no exception in the graph."""


def outline(value: Any) -> dict[str, Any]:
    """Return the keys of a value, with sizes in place of contents.

    >>> outline({"content": "abc", "sections": [1, 2]})
    {'content': '3 characters', 'sections': '2 items'}
    """
    if isinstance(value, Mapping) and len(value) <= _MOST_KEYS and all(map(_is_name, value)):
        return {key: _size(_as_given(one)) for key, one in value.items()}
    return size_only(value)


def size_only(value: Any) -> dict[str, Any]:
    """Return the size of a value."""
    return {"value": _size(value)}


def dump_plain(batches: Sequence[Sequence[BaseMessage]]) -> list[list[Any]] | None:
    """Return messages as LangChain dumps them, in a tenth of its time; None if one has more than a text."""
    dumped: list[list[Any]] = []
    for batch in batches:
        row: list[Any] = []
        for message in batch:
            like = _like(type(message))
            if like is None or message.model_fields_set != like[0] or not isinstance(message.content, str):
                return None
            row.append({**like[1], "kwargs": {**like[1]["kwargs"], "content": message.content}})
        dumped.append(row)
    return dumped


class DumpedAnswer(NamedTuple):
    """An answer as a tracer holds it."""

    generations: list[list[dict[str, Any]]]
    usage: Any


def dump_answer(result: LLMResult) -> DumpedAnswer | None:
    """Return an answer of nothing but text as LangChain dumps it; None if it has more."""
    if len(result.generations) != 1 or len(result.generations[0]) != 1:
        return None
    (generation,) = result.generations[0]
    message: Any = getattr(generation, "message", None)
    about = generation.generation_info or {}
    plain = type(generation) is ChatGeneration and type(message) is AIMessage
    if not plain or message.tool_calls or message.invalid_tool_calls or message.usage_metadata is None:
        return None
    if about.keys() - {"finish_reason", "logprobs"} or not isinstance(message.content, str):
        return None
    like: Any = _like(AIMessage)
    fields = {name: value for name in _ANSWER_FIELDS if (value := getattr(message, name))}
    dumped = {**like[1], "kwargs": {**like[1]["kwargs"], "content": message.content, **fields}}
    shown = {
        "text": generation.text,
        "generation_info": about or None,
        "type": generation.type,
        "message": dumped,
    }
    return DumpedAnswer([[shown]], message.usage_metadata)


_ANSWER_FIELDS = ("additional_kwargs", "response_metadata", "id", "usage_metadata")


@lru_cache(maxsize=16)
def _like(kind: type[BaseMessage]) -> tuple[set[str], dict[str, Any]] | None:
    """Return which fields a message of nothing but a text sets, and how it is dumped."""
    if kind not in (SystemMessage, HumanMessage, AIMessage):
        return None
    message = kind(content="?")
    return message.model_fields_set, dumpd(message)


def own_output(value: Any) -> Any:
    """Return the output of a nested graph without what the runs of its branches have."""
    if not isinstance(value, Mapping) or "branches" not in value:
        return value
    return {key: _size(one) if key in _BELOW else one for key, one in value.items()}


def root_outline(value: Any) -> dict[str, Any]:
    """Return the output of the outermost graph without contents: statuses and numbers of its run."""
    shown = outline(value)
    report: Any = value.get("run_report") if isinstance(value, Mapping) else None
    if report is not None:
        fields = dict(report) if isinstance(report, Mapping) else report.model_dump(mode="json")
        kept = {key: one for key, one in fields.items() if _is_figure(one)}
        shown["run_report"] = {**kept, "status": fields.get("status")}
    return shown


def record_of(output: Any) -> Branch | None:
    """Return the record in the update of a branch; None if it has none."""
    branches: Any = output.get("branches") if isinstance(output, Mapping) else None
    if not isinstance(branches, Mapping) or len(branches) != 1:
        return None
    (record,) = branches.values()
    return record if isinstance(record, Branch) else None


def outcome(record: Branch, *, contents: bool) -> dict[str, Any]:
    """Return what the run of a branch says of it."""
    facts: dict[str, Any] = {
        "status": record.status,
        "cause": record.cause,
        "ended_by": record.ended_by,
        "attempt": record.attempt,
        "seconds": round(record.ended - record.started, 3),
        "calls": len(record.calls),
        "input_tokens": sum(call.usage.input_tokens for call in record.calls),
        "output_tokens": sum(call.usage.output_tokens for call in record.calls),
    }
    if contents:
        facts |= {"value": own_output(record.value), "error": record.error}
    return {key: value for key, value in facts.items() if value is not None}


def without_words(error: BaseException) -> BaseException:
    """Return an error with the type and the status of another one, and without its message."""
    status = getattr(error, "status_code", None)
    about = f" {status}" if isinstance(status, int) else ""
    return LeftOut(f"{type(error).__name__}{about}")


def blank_messages(batches: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return messages of the same number, with sizes in place of contents."""
    return [[HumanMessage(_size(message.content), name=message.type) for message in one] for one in batches]


def blank_result(result: LLMResult) -> LLMResult:
    """Return an answer with its tokens, model and reason to end, and without its text."""
    output = result.llm_output or {}
    kept = {key: output[key] for key in ("model_name", "token_usage", "id") if key in output}
    return LLMResult(
        generations=[[_blank_generation(one) for one in batch] for batch in result.generations],
        llm_output=kept or None,
    )


def named_only(serialized: Any) -> Any:
    """Return what LangChain knows of a model or a tool, without its settings and descriptions."""
    if not isinstance(serialized, Mapping):
        return serialized
    return {key: serialized[key] for key in ("lc", "type", "id", "name") if key in serialized}


def facts_only(fields: Any, allowed: Collection[str] = ()) -> Any:
    """Return metadata or parameters of a call without texts of unknown meaning.

    Args:
        fields: by name.
        allowed: names that the caller has chosen for its traces.
    """
    if not isinstance(fields, Mapping):
        return fields
    return {key: one for key, one in fields.items() if key in _KNOWN or key in allowed or _is_figure(one)}


def _blank_generation(generation: Any) -> Any:
    if not isinstance(generation, ChatGeneration):
        return Generation(text=_size(generation.text))
    message = generation.message
    about = getattr(message, "response_metadata", None) or {}
    kept = {key: about[key] for key in ("model_name", "finish_reason", "token_usage", "id") if key in about}
    usage = getattr(message, "usage_metadata", None)
    return ChatGeneration(
        message=AIMessage(_size(message.content), id=message.id, usage_metadata=usage, response_metadata=kept)
    )


def _as_given(value: Any) -> Any:
    """Return what is stored in parts: the sections of an update, or a part of an input with its texts."""
    return value["sections"] if is_stored_plan(value) else with_texts(value)


def _is_name(key: Any) -> bool:
    return isinstance(key, str) and len(key) <= _LONGEST_KEY and key.isidentifier()


def _is_figure(value: Any) -> bool:
    """Return whether a value is a number, or a mapping of names to numbers."""
    if isinstance(value, Mapping):
        return all(_is_name(key) and _is_figure(one) for key, one in value.items())
    return value is None or isinstance(value, bool | int | float)


def _size(value: Any) -> Any:
    """Return the size of a value."""
    if value is None:
        return None
    if isinstance(value, str):
        return count(len(value), "character")
    return count(len(value), "item") if isinstance(value, Collection) else type(value).__name__
