"""What a format must render; the layout of a report is the same in all."""

from typing import Protocol

from langgraph_parallel.report.review.fold import Fold

Lines = list[str]


class Writer(Protocol):
    """Renders the parts of a report as lines in one format."""

    def title(self, text: str) -> Lines:
        """Render the title of a part, with what separates it from the part before."""
        ...

    def file(self, path: str) -> Lines:
        """Render the heading of a file, with what separates it from the part before."""
        ...

    def paragraph(self, text: str, style: str = "") -> Lines:
        """Render a paragraph; `style` is `bold`, `dim` or empty."""
        ...

    def note(self, text: str) -> Lines:
        """Render a dim paragraph, with what separates it from the part before."""
        ...

    def item(self, text: str, severity: str = "") -> Lines:
        """Render an item of a list; one with a severity is cut if it is long."""
        ...

    def finding(self, fold: Fold, *, explain: bool, full: bool) -> Lines:
        """Render a finding with its quote, explanation and suggestion.

        Args:
            fold: the finding.
            explain: whether to give the explanation and the suggestion.
            full: whether to quote lines of any length whole.
        """
        ...


def clip(lines: Lines, most: int) -> Lines:
    """Return at most `most` lines; if there are more, the last one says so."""
    return lines if len(lines) <= most else [*lines[: most - 1], "    ... (--all shows the rest)"]
