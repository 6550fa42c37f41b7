"""A review as text for a terminal. Needs rich, from the extra `cli`."""

from io import StringIO

from rich.padding import Padding
from rich.text import Text

from langgraph_parallel.records import Review, RunReport
from langgraph_parallel.report.console import WIDTH, open_console, print_heading, print_text
from langgraph_parallel.report.review.fold import Fold
from langgraph_parallel.report.review.layout import compose
from langgraph_parallel.report.review.relative import relative_to
from langgraph_parallel.report.review.wording import remarks, reported_by
from langgraph_parallel.report.wording import visible

_STYLES = {"high": "bold red", "medium": "bold yellow", "low": "bold cyan"}
_ITEM_LINES = 2
"""Lines of an item of a list."""


def text_report(
    review: Review,
    run: RunReport | None = None,
    *,
    width: int = WIDTH,
    color: bool = False,
    full: bool = False,
    below: str = "",
) -> str:
    """Render a review for a terminal, in at most 200 lines unless `full`.

    Args:
        review: the review.
        run: measurements to append; None for a text that depends on the review alone.
        width: columns.
        color: whether to use colours.
        full: whether to show each finding, and all of it; else repeats are folded, and what is less grave is
            counted by rule.
        below: folder that paths are shown relative to; empty to show them as they are.
    """
    writer = TextWriter(width, color)
    lines = compose(relative_to(review, below), run, writer, full=full, below=below)
    return "".join(f"{line}\n" for line in lines)


class TextWriter:
    """Renders the parts of a report for a terminal.

    Args:
        width: columns.
        color: whether to use colours.
    """

    def __init__(self, width: int, color: bool) -> None:
        self._console = open_console(width, color)
        self._width = self._console.width

    def title(self, text: str) -> list[str]:
        """Render an empty line and the title."""
        print_heading(self._console, text)
        return self._take()

    def file(self, path: str) -> list[str]:
        """Render an empty line and the path."""
        print_heading(self._console, path)
        return self._take()

    def paragraph(self, text: str, style: str = "") -> list[str]:
        """Render a paragraph, wrapped."""
        print_text(self._console, text, style=style)
        return self._take()

    def note(self, text: str) -> list[str]:
        """Render an empty line and a dim paragraph."""
        return ["", *self.paragraph(text, "dim")]

    def item(self, text: str, severity: str = "") -> list[str]:
        """Render an item in two lines at most, wrapped below its text."""
        label = Text(f"{severity:<6}  ", style=_STYLES[severity]) if severity else Text()
        indent = label.cell_len
        body = Text(visible(text)).wrap(self._console, max(20, self._width - 2 - indent))
        for number, line in enumerate(body[:_ITEM_LINES]):
            if severity and number == _ITEM_LINES - 1 and len(body) > _ITEM_LINES:
                line.rstrip()
                line.truncate(max(20, self._width - 4 - indent))
                line.append("…")
            start = label if not number else Text(" " * indent)
            self._console.print(Padding(start + line, (0, 0, 0, 2)))
        if not severity:
            for line in body[_ITEM_LINES:]:
                self._console.print(Padding(line, (0, 0, 0, 2)))
        return self._take()

    def finding(self, fold: Fold, *, explain: bool, full: bool) -> list[str]:
        """Render a finding: severity, aspect, place, support, sources; text, quote, why, and the fix."""
        head = fold.head
        line = Text.assemble(
            (f"{head.severity:<6}", _STYLES[head.severity]),
            (f"  {visible(head.aspect)}, {fold.lines}, ", ""),
            (f"{head.support}", "bold"),
            (f" reported by {visible(reported_by(head))}", "dim"),
        )
        self._console.print(Padding(line, (0, 0, 0, 2)))
        print_text(self._console, head.message, indent=4)
        if head.quote:
            self._print_quote(visible(head.quote), full)
        for label, text in (("why", head.explanation), ("fix", head.suggestion)):
            if text and explain:
                print_text(self._console, f"{label}: {text}", indent=4)
        for remark in remarks(head):
            print_text(self._console, f"({remark})", indent=4, style="dim")
        return self._take()

    def _print_quote(self, quote: str, full: bool) -> None:
        text = Text(f"│ {quote}", style="green")
        if not full:
            text.truncate(self._width - 5, overflow="ellipsis")
        self._console.print(Padding(text, (0, 0, 0, 4)))

    def _take(self) -> list[str]:
        """Return what was printed since the last time, without trailing spaces."""
        file = self._console.file
        assert isinstance(file, StringIO)
        lines = [line.rstrip() for line in file.getvalue().split("\n")[:-1]]
        file.seek(0)
        file.truncate()
        return lines
