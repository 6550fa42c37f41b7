"""Aspects of a review: the shipped ones, and those of the caller."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from typing_extensions import TypeAliasType

from langgraph_parallel.errors import UnknownAspect, UsageError
from langgraph_parallel.prompts import Prompt, PromptLike, as_prompt, list_prompts, load_prompt
from langgraph_parallel.records import Aspect
from langgraph_parallel.runtime.settings import as_settings

ASPECTS = ("security", "correctness", "performance", "style", "tests", "documentation")
"""The shipped aspects, in the order of the report."""

AspectLike = TypeAliasType("AspectLike", PromptLike | Aspect | Mapping[str, Any])


def as_aspect(aspect: AspectLike) -> Aspect:
    """Return an aspect by name, or read one from a Markdown file.

    Args:
        aspect: the name of a shipped aspect; the path of a Markdown file (`Path`, or text that ends in
            `.md`), whose name becomes the aspect's name and whose text its criteria; a `Prompt`; an `Aspect`,
            or a mapping of its fields.

    Raises:
        UnknownAspect: no aspect of this name ships.
        PromptError: the file cannot be read, or is empty.
    """
    if isinstance(aspect, Aspect | Mapping):
        return as_settings(aspect, Aspect, "aspect")
    if isinstance(aspect, str) and not aspect.endswith(".md"):
        if aspect not in ASPECTS:
            raise UnknownAspect.for_name(
                aspect, [*ASPECTS, "a Markdown file of your own (path/to/aspect.md)"]
            )
        prompt = load_prompt(f"review/aspects/{aspect}")
        return Aspect(name=aspect, title=prompt.title, criteria=prompt.text)
    if not isinstance(aspect, str | Path | Prompt):
        raise UsageError(f"aspects contains {aspect!r}; expected names, Markdown files, or Aspect")
    prompt = as_prompt(Path(aspect) if isinstance(aspect, str) else aspect)
    return Aspect(name=prompt.name, title=prompt.title, criteria=prompt.text)


def as_aspects(aspects: Sequence[AspectLike] | None) -> list[Aspect]:
    """Return a list of aspects; None stands for all shipped ones.

    Raises:
        UsageError: the list is empty, or a name is repeated.
        UnknownAspect, PromptError: as `as_aspect`.
    """
    if not isinstance(aspects, Sequence | None) or isinstance(aspects, str):
        raise UsageError(f"aspects is {aspects!r}; expected a list of names")
    chosen = [as_aspect(aspect) for aspect in (ASPECTS if aspects is None else aspects)]
    if not chosen:
        raise UsageError(f"aspects is empty; choose from {', '.join(ASPECTS)}, or pass Markdown files")
    names = [aspect.name for aspect in chosen]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"aspects names {name!r} twice; each may appear once")
    return chosen


def readers() -> list[Prompt]:
    """Return the ways of reading by which reviewers differ."""
    return [load_prompt(f"review/readers/{name}") for name in list_prompts("review/readers")]
