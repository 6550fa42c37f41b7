"""What a graph of the catalogue does, takes and gives, from its docstring and its schemas."""

import inspect
import re
from collections.abc import Collection, Mapping
from typing import Any

from langgraph_parallel.catalogue.graphs import CATALOGUE, factory, settable
from langgraph_parallel.catalogue.keys import required_keys
from langgraph_parallel.graphs.defaults import DEFAULTS

_BUILDS = re.compile(r"Build a graph (?:that|in which|whose) ")
_ARGUMENT = re.compile(r"    (\w+): (.+?)(?=\n    \w+: |\n\S|\Z)", re.DOTALL)
"""An entry below `Args:`, up to the next one or the end of the section."""


def describe(name: str) -> dict[str, Any]:
    """Return what a graph does, takes and gives, as JSON data.

    Each key of `input`, `settings` and `output` has a `description`; those that must be given are `required`.
    `messages`, where a graph takes them, may be given in place of such a key.

    Raises:
        UsageError: there is no such graph.
    """
    from langgraph_parallel.graphs import studio

    doc, graph = inspect.getdoc(factory(name)) or "", getattr(studio, name)
    return {
        "name": name,
        "description": _first_line(doc),
        "input": _keys(given := graph.get_input_jsonschema(), required_keys(graph, given)),
        "settings": _settings(name, doc.partition("\nArgs:\n")[2].partition("\nRaises:")[0]),
        "output": {
            key: {"description": form["description"]}
            for key, form in _keys(graph.get_output_jsonschema(), []).items()
        },
    }


def list_graphs() -> list[dict[str, str]]:
    """Return the name and the description of each graph."""
    return [
        {"name": name, "description": _first_line(inspect.getdoc(factory(name)) or "")} for name in CATALOGUE
    ]


def listing_markdown(graphs: list[dict[str, str]]) -> str:
    """Render the list of all graphs."""
    lines = [f"- **{graph['name']}**: {graph['description']}" for graph in graphs]
    hint = "`langgraph-parallel graphs NAME` shows what a graph takes, `langgraph-parallel run NAME` runs it."
    return "\n".join([*lines, "", hint, ""])


def description_markdown(description: Mapping[str, Any]) -> str:
    """Render what one graph does, takes and gives."""
    parts = [f"**{description['name']}**: {description['description']}"]
    for title in ("input", "settings", "output"):
        entries = [_entry(key, form) for key, form in description[title].items()]
        how = {"input": "KEY=TEXT, KEY=@FILE or KEY:=JSON", "settings": "--set NAME=VALUE"}.get(title)
        parts += [f"## {title.capitalize()}" + (f": {how}" if how else ""), "\n".join(entries)]
    parts.append(f"Over many items: `{_map_command(description)}`")
    return "\n\n".join(parts) + "\n"


def _map_command(description: Mapping[str, Any]) -> str:
    """Return how the graph runs over the rows of a table."""
    needed = [key for key, form in description["input"].items() if form["required"]]
    key = next(iter([*needed, *description["input"]]))
    settings = [f" --set {name}=VALUE" for name, form in description["settings"].items() if form["required"]]
    command = f"langgraph-parallel map {description['name']} items.csv --sink rows.sqlite"
    return f"{command} --input {key}=COLUMN{''.join(settings)}"


def _first_line(doc: str) -> str:
    """Return what a factory's graph does, as a sentence."""
    text = _BUILDS.sub("", doc.partition("\n")[0])
    return text[:1].upper() + text[1:]


def _entry(key: str, form: Mapping[str, Any]) -> str:
    return f"- **{key}**{' (required)' if form.get('required') else ''}: {form['description']}"


def _keys(schema: Mapping[str, Any], required: Collection[str]) -> dict[str, dict[str, Any]]:
    return {
        key: {"description": form.get("description", ""), "required": key in required}
        for key, form in schema.get("properties", {}).items()
    }


def _settings(name: str, section: str) -> dict[str, dict[str, Any]]:
    described = {match[1]: " ".join(match[2].split()) for match in _ARGUMENT.finditer(section)}
    create = factory(name)
    parameters = inspect.signature(create).parameters
    defaults = DEFAULTS.get(name, dict)()
    return {
        setting: {
            "description": described.get(setting, ""),
            "required": parameters[setting].default is inspect.Parameter.empty and setting not in defaults,
        }
        for setting in settable(create)
    }
