"""Output of any graph: as JSON, and as Markdown for people."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from langgraph_parallel.nodes.work.render import as_text
from langgraph_parallel.records import RunReport, Verdict
from langgraph_parallel.report.markdown import (
    code_lines,
    escape,
    escape_text,
    join_blocks,
    names_line,
    paragraphs,
)
from langgraph_parallel.report.run import run_markdown
from langgraph_parallel.report.voting import verdict_markdown

_OF_THE_RUN = frozenset({"run_report", "branches", "sections"})
"""Keys that say how the result came about. They differ from run to run."""
_ANY: TypeAdapter[Any] = TypeAdapter(Any)


def output_json(output: Mapping[str, Any], run: RunReport | None) -> str:
    """Render an output as JSON, with the statistics of the run under `run` if they are wanted."""
    shown = {key: value for key, value in output.items() if key not in _OF_THE_RUN}
    if run is not None:
        shown["run"] = run
    return json.dumps(_ANY.dump_python(shown, mode="json"), indent=2, ensure_ascii=False) + "\n"


def output_markdown(output: Mapping[str, Any], run: RunReport | None) -> str:
    """Render an output as Markdown: its report, its verdict, or each of its values under its key."""
    blocks = [output["markdown"]] if output.get("markdown") else _values(output)
    if run is not None:
        blocks.append(run_markdown(run))
    return join_blocks(blocks)


def _values(output: Mapping[str, Any]) -> list[str]:
    blocks = []
    for key, value in output.items():
        if isinstance(value, Verdict):
            blocks.append(verdict_markdown(value))
        elif key == "missing":
            blocks.append(names_line("Missing", value))
        elif key not in _OF_THE_RUN and key not in ("ballots", "messages") and value is not None:
            blocks += [f"## {escape(key.replace('_', ' '))}", *_value(value)]
    return blocks


def _value(value: Any) -> list[str]:
    plain = _ANY.dump_python(value, mode="json")
    if plain in ("", [], {}):
        return ["none"]
    if isinstance(plain, str):
        return paragraphs(plain)
    if isinstance(plain, list) and all(isinstance(item, str) for item in plain):
        return [f"- {escape_text(item)}" for item in plain]
    if not isinstance(plain, list | dict):
        return [escape(as_text(plain))]
    return [code_lines(json.dumps(plain, indent=2, ensure_ascii=False))]
