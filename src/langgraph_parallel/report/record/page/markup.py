"""HTML that is escaped unless it is known to be HTML."""

from collections.abc import Iterable
from html import escape

from langgraph_parallel.report.wording import visible

_VOID = {"rect", "path", "line", "col"}


class Html(str):
    """Text that is HTML already; any other text is escaped where it is put."""

    __slots__ = ()


Child = str | int | Html


def tag(name: str, *children: Child, **attributes: str | int | None) -> Html:
    """Return an element; what is in it is escaped, and so are the values of its attributes.

    >>> tag("p", "a < b", class_="x")
    '<p class="x">a &lt; b</p>'

    Args:
        name: of the element.
        *children: texts and elements.
        **attributes: with `_` for `-`, and one at the end of words of Python; None for none.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(visible(str(value)))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{written}/>")
    return Html(f"<{name}{written}>{together(children)}</{name}>")


def together(parts: Iterable[Child]) -> Html:
    """Return texts, which are escaped, and elements one after another."""
    return Html("".join(part if isinstance(part, Html) else escape(visible(str(part))) for part in parts))
