"""Docstrings and signatures as Markdown that can be read on a code host as it is."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any

import griffe

PACKAGE = "langgraph_parallel"
_CALL_WIDTH = 90
"""Characters of a signature in one line."""
_EMPTY = (None, "")


@cache
def package() -> griffe.Module:
    """Load the package from its sources, without importing it."""
    loaded = griffe.load(
        PACKAGE, search_paths=["src"], docstring_parser="google", resolve_aliases=True, resolve_external=False
    )
    assert isinstance(loaded, griffe.Module)
    return loaded


def module(name: str) -> griffe.Module:
    """Return a public module of the package."""
    found = package()[name]
    assert isinstance(found, griffe.Module)
    return found


def resolve(path: str) -> Any:
    """Return what a dotted path below the package names, in the module that defines it."""
    found: Any = package()
    for name in path.split("."):
        found = found[name]
        found = found.final_target if found.is_alias else found
    return found


def entry(name: str, thing: Any, level: int = 2) -> Iterator[str]:
    """Yield the blocks that document a function, a class or a value.

    Args:
        name: by which users reach it.
        thing: from griffe.
        level: of its heading.
    """
    yield f"{'#' * level} `{name}`"
    if thing.is_function:
        yield _code(f"{name}{_signature(thing)}")
        yield from _docstring(thing)
    elif thing.is_class:
        yield from _class(name, thing, level)
    else:
        yield from _docstring(thing)


def _class(name: str, thing: griffe.Class, level: int) -> Iterator[str]:
    parameters = thing.parameters
    is_built_by_users = any(one.name != "self" for one in parameters) and not _is_record(thing)
    if is_built_by_users:
        yield _code(f"{name}{_format_parameters(parameters)}")
    yield from _docstring(thing, without=("attributes",))
    if is_built_by_users and (init := thing.members.get("__init__")) and init.docstring:
        yield from _docstring(init)
    fields = [one for one in thing.all_members.values() if _is_documented(one) and one.is_attribute]
    if fields:
        described = _described(thing)
        yield bullets(field(one, described.get(one.name, "")) for one in fields)
    methods = thing.all_members if _is_record(thing) else thing.members
    for member in methods.values():
        if member.is_function and _is_documented(member) and member.docstring:
            yield f"{'#' * (level + 1)} `{name}.{member.name}`"
            yield _code(f"{member.name}{_signature(member)}")
            yield from _docstring(member)


def _is_record(thing: griffe.Class) -> bool:
    return any(base.name == "Record" for base in thing.mro()) or thing.name == "Record"


def _is_documented(member: Any) -> bool:
    return not member.name.startswith("_") and member.name not in ("model_config",)


def _described(thing: griffe.Class) -> dict[str, str]:
    """Return what the docstring of a class says of its attributes, by name."""
    sections = [] if thing.docstring is None else thing.docstring.parsed
    attributes = [section.value for section in sections if section.kind.value == "attributes"]
    return {one.name: one.description for listed in attributes for one in listed}


def field(member: Any, described: str = "") -> str:
    """Return what documents a field of a record.

    Args:
        member: from griffe.
        described: what the docstring of its class says of it.
    """
    annotation = str(member.annotation).strip("\"'") if member.annotation is not None else ""
    kind = f" ({code_span(annotation)})" if annotation else ""
    return f"`{member.name}`{kind}: {_field_text(member) or _one_line(described)}".rstrip(": ")


def _field_text(member: Any) -> str:
    if member.docstring is not None:
        return _one_line(member.docstring.value)
    value = member.value
    if isinstance(value, griffe.ExprCall):
        for argument in value.arguments:
            if isinstance(argument, griffe.ExprKeyword) and argument.name == "description":
                return _one_line(_literal(str(argument.value)))
    return ""


def _literal(text: str) -> str:
    """Return the value of a literal of strings, which may be several in a row."""
    parts = re.findall(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", text)
    return "".join(a or b for a, b in parts).replace("\\'", "'").replace('\\"', '"')


def _docstring(thing: Any, without: Collection[str] = ()) -> Iterator[str]:
    if thing.docstring is None:
        return
    for section in thing.docstring.parsed:
        kind = section.kind.value
        if kind in without:
            continue
        if kind == "text":
            yield text(section.value)
        elif kind in ("parameters", "attributes", "other parameters"):
            yield f"**{kind.capitalize()}**"
            yield bullets(f"`{one.name}`: {_one_line(one.description)}" for one in section.value)
        elif kind == "raises":
            yield "**Raises**"
            yield bullets(
                f"`{str(one.annotation).strip('()')}`: {_one_line(one.description)}" for one in section.value
            )
        elif kind in ("returns", "yields"):
            yield f"**{kind.capitalize()}**: " + " ".join(_one_line(one.description) for one in section.value)
        elif kind == "examples":
            yield from (
                text(value) if str(key) != "examples" else _code(value) for key, value in section.value
            )


def text(doc: str) -> str:
    """Return text of a docstring; indented examples become fenced, and addresses stay plain."""
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", doc.strip("\n")):
        lines = block.splitlines()
        if lines and all(line.startswith("    ") for line in lines):
            code = "\n".join(line[4:] for line in lines)
            if blocks and blocks[-1].startswith("```"):
                blocks[-1] = blocks[-1].removesuffix("```") + f"\n{code}\n```"
            else:
                blocks.append(f"```text\n{code}\n```")
        else:
            blocks.append("\n".join(line.strip() for line in lines))
    return "\n\n".join(blocks)


def _signature(function: Any) -> str:
    returns = f" -> {function.returns}" if function.returns not in _EMPTY else ""
    return _format_parameters(function.parameters) + returns


def _format_parameters(parameters: Iterable[Any]) -> str:
    shown, star = [], False
    for one in parameters:
        if one.name in ("self", "cls"):
            continue
        if one.kind == griffe.ParameterKind.keyword_only and not star:
            shown.append("*")
            star = True
        if one.kind == griffe.ParameterKind.var_positional:
            star = True
        shown.append(_format_parameter(one))
    inline = f"({', '.join(shown)})"
    return inline if len(inline) <= _CALL_WIDTH else "(\n" + "".join(f"    {one},\n" for one in shown) + ")"


def _format_parameter(one: Any) -> str:
    stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}.get(
        one.kind, ""
    )
    annotation = f": {one.annotation!s}" if one.annotation is not None else ""
    is_optional = one.default is not None and not stars
    return f"{stars}{one.name}{annotation}" + (f" = {one.default}" if is_optional else "")


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def code_span(text: str) -> str:
    """Return text as code; a bar inside would end the cell of a table."""
    return f"`{' '.join(text.split())}`"


def bullets(items: Iterable[str]) -> str:
    """Return a list."""
    return "\n".join(f"- {item}" for item in items)


def _one_line(text: str) -> str:
    return " ".join(str(text).split())


def page(title: str, blocks: Iterable[str]) -> str:
    """Return a page."""
    return "\n\n".join([f"# {title}", *(block.strip("\n") for block in blocks if block.strip())]) + "\n"
