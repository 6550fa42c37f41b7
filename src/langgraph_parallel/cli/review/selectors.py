"""Checks of `--select` and `--ignore`: names of aspects, rules, and prefixes of rules."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.review.aspects import ASPECTS
from langgraph_parallel.offline import FAMILIES
from langgraph_parallel.offline.rules import RULES
from langgraph_parallel.reducers.findings.aliases import canonical_rule, has_prefix

_CODE = re.compile(r"[A-Za-z]+\d*")


def check_selectors(selectors: Sequence[str], option: str, aspects: Sequence[str] = ()) -> None:
    """Check that each selector can select something.

    Args:
        selectors: as given.
        option: that lists them.
        aspects: names of the caller's own aspects.

    Raises:
        UsageError: one is neither an aspect nor a rule nor the prefix of one.
    """
    names = [*ASPECTS, *aspects]
    for selector in selectors:
        if selector not in names and not _is_rule(selector):
            close = get_close_matches(selector, [*names, *RULES], n=1)
            hint = f"did you mean {close[0]!r}?" if close else "expected security, S6, B602 and the like"
            raise UsageError(f"{option}: {selector!r} is neither an aspect nor a rule; {hint}")


def _is_rule(selector: str) -> bool:
    if selector in RULES:
        return True
    if not _CODE.fullmatch(selector):
        return False
    rule = canonical_rule(selector.upper())
    applied = {prefix for families in FAMILIES.values() for family in families for prefix in family.scope}
    return any(has_prefix(known, rule) or has_prefix(rule, known) for known in (*applied, *RULES))
