"""Parser for policies written as text in a variable or on a command line.

min_success(0.8) & required("intro") | deadline(30)
"""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from langgraph_parallel.errors import UsageError

PolicyT = TypeVar("PolicyT")
_MAX_LENGTH = 10_000
"""Characters of a policy: a person wrote it."""


def read_policy(text: str, known: Mapping[str, Callable[..., PolicyT]]) -> PolicyT:
    """Parse a policy. Only the named factories are called, with literals; nothing else is evaluated.

    Args:
        text: a name, or a call with literal arguments; several are joined with `&` and `|`.
        known: the factories by name.

    Raises:
        UsageError: a factory rejects its arguments.
        Unreadable: the text is not a policy.
    """
    if len(text) > _MAX_LENGTH:
        raise Unreadable(text[:_MAX_LENGTH])
    try:
        return _build(ast.parse(text.strip(), mode="eval").body, known)
    except UsageError:  # a ValueError too, but its message is for the caller
        raise
    except (SyntaxError, ValueError, TypeError, KeyError, AttributeError, RecursionError, MemoryError):
        # Python's parser has no memory left for what is nested too deeply.
        raise Unreadable(text) from None


class Unreadable(Exception):
    """A text is not a policy."""


def _build(node: ast.expr, known: Mapping[str, Callable[..., PolicyT]]) -> PolicyT:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
        join: Callable[[Any, Any], PolicyT]
        join = operator.and_ if isinstance(node.op, ast.BitAnd) else operator.or_
        return join(_build(node.left, known), _build(node.right, known))
    if isinstance(node, ast.Name):
        return known[node.id]()
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        keywords = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in node.keywords}
        return known[node.func.id](*map(ast.literal_eval, node.args), **keywords)
    raise ValueError
