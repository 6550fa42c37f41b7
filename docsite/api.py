"""Reference pages of what users import."""

from collections.abc import Iterator
from typing import Any

import griffe

import langgraph_parallel
from docsite.markup import PACKAGE, entry, module, page, resolve, text

_NAMESPACES = {
    "agents": "Agents, tools and functions of others",
    "rules": "Rules of votes",
    "stops": "Stops of votes",
    "votes": "Votes: formats, calibration, panels, agreement, replay",
    "completion": "Completion policies",
    "limiting": "Limits by hand",
    "recording": "Records of runs",
    "split": "Planners without a model",
    "plan": "Planners",
    "synthesize": "Synthesizers",
    "media": "Pictures and PDFs in prompts",
    "report": "Reports",
    "testing": "Test your own graph",
    "scale": "Runs over many items",
    "evaluation": "Evaluations",
}
"""Public modules, with the titles of their pages."""


def pages() -> Iterator[tuple[str, str]]:
    """Yield each page, by its path in the documentation."""
    names = [name for name in langgraph_parallel.__all__ if name in langgraph_parallel._MODULES]
    factories = [name for name in names if name.startswith("create_")]
    yield "reference/factories.md", _top_level("Factories", factories)
    others = [name for name in names if name not in factories]
    yield "reference/parts.md", _top_level("Parts, settings and control", others)
    for namespace, title in _NAMESPACES.items():
        yield f"reference/{namespace}.md", _namespace(namespace, title)
    yield "reference/records.md", _records()
    yield "reference/errors.md", _errors()


def _top_level(title: str, names: list[str]) -> str:
    blocks = [f"From `{PACKAGE}`."]
    for name in names:
        blocks += entry(name, resolve(f"{langgraph_parallel._MODULES[name]}.{name}"))
    return page(title, blocks)


def _namespace(namespace: str, title: str) -> str:
    found = module(namespace)
    blocks = [f"`from {PACKAGE} import {namespace}`", _introduction(found)]
    for name in _exports(found):
        blocks += entry(f"{namespace}.{name}", _member(found, name))
    return page(title, blocks)


def _records() -> str:
    from langgraph_parallel.runtime.stamp import RECORDS_VERSION

    found = module("records")
    blocks = [
        f"`from {PACKAGE} import records`. Records are values: they cannot be changed, and compare by their "
        "fields.",
        f"The records of checkpoints have version {RECORDS_VERSION}. Another version is refused by name, "
        "before any call. Within a minor series of the package fields are only added, with defaults.",
    ]
    for name in _exports(found):
        blocks += entry(f"records.{name}", _member(found, name))
    return page("Records", blocks)


def _errors() -> str:
    found = module("errors")
    doc = found.docstring.value if found.docstring else ""
    tree, _, rest = doc.partition("\n\n")[2].partition("\n\n")
    drawn = "\n".join(line.removeprefix("    ") for line in tree.splitlines())
    blocks = [
        f"`from {PACKAGE} import errors`. What they say, and the ways out: "
        "[troubleshooting](../troubleshooting.md)."
    ]
    blocks += [f"```text\n{drawn}\n```", rest]
    for name in _exports(found):
        blocks += entry(f"errors.{name}", _member(found, name))
    return page("Errors", blocks)


def _exports(module: griffe.Module) -> list[str]:
    return sorted(str(name).strip("'\"") for name in module.exports or ())


def _member(module: griffe.Module, name: str) -> Any:
    member = module.members[name]
    return member.final_target if isinstance(member, griffe.Alias) else member


def _introduction(module: griffe.Module) -> str:
    return "" if module.docstring is None else text(module.docstring.value)
