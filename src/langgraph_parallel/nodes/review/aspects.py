"""Aspects of a review: those that ship, and the user's own."""

from collections.abc import Sequence
from pathlib import Path

from langgraph_parallel.errors import UnknownAspect, UsageError
from langgraph_parallel.prompts import Prompt, as_prompt, load, names
from langgraph_parallel.records import Aspect

ASPECTS = ("security", "correctness", "performance", "style", "tests", "documentation")
"""Those that ship, in the order in which a review looks at them."""

AspectLike = str | Path | Prompt | Aspect


def as_aspect(aspect: AspectLike) -> Aspect:
    """Take an aspect by name, or one's own as a Markdown file.

    Args:
        aspect: the name of one that ships; a path to Markdown (`Path`, or text that ends in `.md`), whose
            file name is the aspect's name and whose text says what to look for; a `Prompt`; an `Aspect`.

    Raises:
        UnknownAspect: a name that does not ship.
        PromptError: a file that cannot be read, or is empty.
    """
    if isinstance(aspect, Aspect):
        return aspect
    if isinstance(aspect, str) and not aspect.endswith(".md"):
        if aspect not in ASPECTS:
            raise UnknownAspect.of(aspect, [*ASPECTS, "a Markdown file of your own (path/to/aspect.md)"])
        prompt = load(f"review/aspects/{aspect}")
        return Aspect(name=aspect, title=prompt.title, criteria=prompt.text)
    prompt = as_prompt(Path(aspect) if isinstance(aspect, str) else aspect)
    return Aspect(name=prompt.name, title=prompt.title, criteria=prompt.text)


def as_aspects(aspects: Sequence[AspectLike] | None) -> list[Aspect]:
    """Take several aspects; None for all that ship.

    Raises:
        UsageError: the list is empty, or two have one name.
        UnknownAspect, PromptError: as `as_aspect`.
    """
    if isinstance(aspects, str):
        raise UsageError(f"aspects is the text {aspects!r}; pass a list of names")
    chosen = [as_aspect(aspect) for aspect in (ASPECTS if aspects is None else aspects)]
    if not chosen:
        raise UsageError(f"aspects is empty; choose from {', '.join(ASPECTS)}, or give Markdown of your own")
    held = [aspect.name for aspect in chosen]
    for name in held:
        if held.count(name) > 1:
            raise UsageError(f"the aspect {name!r} is given twice")
    return chosen


def readers() -> list[Prompt]:
    """The ways of reading that make one reviewer differ from the next."""
    return [load(f"review/readers/{name}") for name in names("review/readers")]
