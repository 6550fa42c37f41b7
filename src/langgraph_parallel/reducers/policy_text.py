"""Policies as text: what can be written in Python can be written in a variable or on a command line.

min_success(0.8) & required("intro") | deadline(30)
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from langgraph_parallel.errors import UsageError

PolicyT = TypeVar("PolicyT")


def read_policy(text: str, known: Mapping[str, Callable[..., PolicyT]]) -> PolicyT:
    """Read a policy. Nothing in the text is executed but the factories that are named, with literals.

    Args:
        text: a name, or a call with literals, joined with `&` and `|`.
        known: the factories by name.

    Raises:
        UsageError: a factory refuses its arguments.
        Unreadable: it is no such text.
    """
    try:
        return _read(ast.parse(text.strip(), mode="eval").body, known)
    except UsageError:
        raise
    except (SyntaxError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Unreadable(text) from None


class Unreadable(Exception):
    """A text that is no policy."""


def _read(node: ast.expr, known: Mapping[str, Callable[..., PolicyT]]) -> PolicyT:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
        join: Callable[[Any, Any], PolicyT]
        join = operator.and_ if isinstance(node.op, ast.BitAnd) else operator.or_
        return join(_read(node.left, known), _read(node.right, known))
    if isinstance(node, ast.Name):
        return known[node.id]()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        named = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
        return known[node.func.id](*map(ast.literal_eval, node.args), **named)
    raise ValueError
