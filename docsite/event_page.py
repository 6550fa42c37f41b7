"""The reference page of events, and their JSON schema, from their records."""

import json
from collections.abc import Iterator
from typing import Any, get_args

from docsite.markup import bullets, field, module, page, text
from langgraph_parallel.recording import run_record_schema
from langgraph_parallel.records import events

_INTRODUCTION = """\
`events(graph, input)` yields records of `langgraph_parallel.records.events`, and `astream(...,
stream_mode="custom")` the same as plain JSON, each with the key `event` ([guide](../guides/streaming.md),
[schema](../events.schema.json)).

With `subgraphs=True`, which `events` sets, there are those of all levels of nesting. Without it, the
stream has those of the outermost graph, and its branches tell also of the calls of the graphs inside of
them.

Contents are in `value`, `leader`, `choice`, `text`, `output`, `interrupts` and `data` alone; prompts and
documents are in none. Errors are masked. `trace_contents` is about traces, and changes no event.

Within a branch, events are in the order of what happened: `started`, then `waiting`, `calling` and
`called`, then `ended`. `run_ended` is the last one of its graph. `ended` comes before the branch is in a
checkpoint: whoever ends a run at that event and resumes it may ask the branch again.

A run that is resumed or redriven tells of what it does itself: `planned` says which branches it keeps,
whose events are those of the earlier runs on the `thread`. To have one record of all, fold the events of
all runs in their order: the later end of a branch replaces the earlier one, whose calls it holds as well
unless it has started with attempt 1 again, and calls are told apart by their ids."""


def pages() -> Iterator[tuple[str, str]]:
    """Yield the page and the schema, by their paths in the documentation."""
    blocks = [_INTRODUCTION, "## In all events", _fields("EventBase")]
    told = [kind.__name__ for kind in get_args(get_args(events.RunEvent)[0])]
    for name in told:
        blocks += _event(name)
    blocks.append("## Only from `events`")
    blocks.append(
        "Ids and names are empty in these, as they are of the whole run, whatever its graph; and in a "
        "`token` of `tokens=True`, but for `branch`."
    )
    for name in ("Interrupted", "Output", "Custom"):
        blocks += _event(name)
    blocks.append("## Parts of events")
    for name in ("Cost", "PlannedSection", "Interrupt"):
        blocks += [f"### `records.events.{name}`", _docstring(name), _fields(name)]
    blocks += ["### `records.events.WaitsOn`", _docstring("WaitsOn")]
    yield "reference/events.md", page("Events", blocks)
    yield "events.schema.json", json.dumps(events.events_schema(), indent=2) + "\n"
    yield "run-record.schema.json", json.dumps(run_record_schema(), indent=2) + "\n"


def _event(name: str) -> Iterator[str]:
    kind: Any = getattr(events, name)
    (event,) = get_args(kind.model_fields["event"].annotation)
    yield f"## `{event}`"
    yield _docstring(name)
    yield f"`records.events.{name}`"
    if fields := _fields(name):
        yield fields


def _docstring(name: str) -> str:
    docstring = _found(name).docstring
    return text(docstring.value) if docstring else ""


def _fields(name: str) -> str:
    members = [one for one in _found(name).members.values() if one.is_attribute]
    return bullets(field(one) for one in members if one.name not in ("model_config", "event"))


def _found(name: str) -> Any:
    found = module("records")["events"][name]
    return found.final_target if found.is_alias else found
