"""What an engine clears: the constructs on which its silence is a vote against a claim.

An engine is silent for three reasons: the code is safe; its rule does not know this function or this form;
or it cannot tell what the name stands for, because the import is inside of a function. Only the first one is
evidence. Most rules report every use of a name that they see, so their silence always has one of the other
two reasons. What is left is short enough to be listed: forms that a rule reads and passes (`cleared.toml`).
So an engine votes on a construct by reporting it, or by clearing it, and abstains from everything else.
"""

import ast
import tomllib
import warnings
from collections.abc import Iterator
from importlib.resources import files
from typing import NamedTuple

from pydantic import TypeAdapter

from langgraph_parallel.records import Lines
from langgraph_parallel.records.base import Record


class ClearedForm(Record):
    """A form of code that a rule passes."""

    rule: str
    """Canonical code of the rule."""
    names: list[str]
    """Full names of functions or attributes; `*.x` is a method of any object."""
    module: str = ""
    """A word that must be in the file; empty for none."""
    argument: str = ""
    """The keyword of the argument that makes the call safe; empty if the name alone does."""
    place: int | None = None
    """The place of this argument among the positional ones, from 0; None if it is keyword-only."""
    values: list[str] = []
    """The safe values: constants as `repr` shows them, else the last part of the name."""

    def may_be_in(self, text: str) -> bool:
        """Return whether the words of this form are in a file."""
        # Files are parsed only if they are: a search is hundreds of times as fast.
        return (
            self.module in text
            and self.argument in text
            and any(all(word in text for word in name.strip("*").split(".")) for name in self.names)
        )

    def matches(self, node: ast.expr, imported: dict[str, str]) -> bool:
        """Return whether an expression has this form.

        Args:
            node: the expression.
            imported: full names by the names that the imports of the file bind.
        """
        if not self.argument:
            return _full_name(node, imported) in self.names
        if not isinstance(node, ast.Call):
            return False
        if isinstance(node.func, ast.Attribute) and f"*.{node.func.attr}" in self.names:
            return self._has_safe_value(node)
        return _full_name(node.func, imported) in self.names and self._has_safe_value(node)

    def _has_safe_value(self, call: ast.Call) -> bool:
        given = [keyword.value for keyword in call.keywords if keyword.arg == self.argument]
        if self.place is not None:
            given += call.args[self.place : self.place + 1]
        return any(_value(argument) in self.values for argument in given)


class Cleared(NamedTuple):
    """A construct that a rule passed."""

    rule: str
    """Canonical code of the rule."""
    lines: Lines


CLEARED_FORMS = TypeAdapter(dict[str, list[ClearedForm]]).validate_python(
    tomllib.loads((files("langgraph_parallel.offline") / "cleared.toml").read_text(encoding="utf-8"))
)
"""The forms by family."""


def find_cleared(family: str, text: str) -> list[Cleared]:
    """Return what the engines of a family clear in a file, by line; nothing if it cannot be parsed.

    Args:
        family: name of the family.
        text: the whole file.
    """
    forms = [form for form in CLEARED_FORMS.get(family, ()) if form.may_be_in(text)]
    if not forms:
        return []
    tree = _parse(text)
    imported = dict(_imported(tree))
    cleared = [
        Cleared(form.rule, Lines(first=node.lineno, last=node.end_lineno or node.lineno))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call | ast.Attribute | ast.Name)
        for form in forms
        if form.matches(node, imported)
    ]
    return sorted(cleared, key=lambda item: (item.lines.first, item.lines.last, item.rule))


def _parse(text: str) -> ast.Module:
    """Parse a file without running it; return an empty module if it is not valid Python."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the code under review, such as "\d" in a string
        try:
            return ast.parse(text.removeprefix("\ufeff"))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ast.Module([], [])


def _imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Iterate over the names that imports bind, anywhere in the file, with the full names behind them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                yield alias.asname or top, alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _full_name(node: ast.expr, imported: dict[str, str]) -> str:
    """Return the full name of `a.b.c`, or an empty text for another expression."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([imported.get(node.id, node.id), *reversed(parts)])


def _value(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return repr(node.value)
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.List) and not node.elts:
        return "[]"
    return "{}" if isinstance(node, ast.Dict) and not node.keys else ""
