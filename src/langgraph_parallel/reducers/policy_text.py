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
    """Parse a policy. Only the named factories are called; nothing else is evaluated.

    Args:
        text: a name, or a call whose arguments are literals, or calls again; several are joined with `&` and
            `|`.
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
        keywords = {str(keyword.arg): _argument(keyword.value, known) for keyword in node.keywords}
        return known[node.func.id](*(_argument(argument, known) for argument in node.args), **keywords)
    raise ValueError


def _argument(node: ast.expr, known: Mapping[str, Callable[..., PolicyT]]) -> Any:
    """Return an argument: a literal, or policies, as the rules are of which a rule of parts is made."""
    if isinstance(node, ast.Call):
        return _build(node, known)
    if isinstance(node, ast.Dict) and any(isinstance(value, ast.Call) for value in node.values):
        keys = [ast.literal_eval(key) for key in node.keys if key is not None]
        return dict(zip(keys, [_argument(value, known) for value in node.values], strict=True))
    return ast.literal_eval(node)
