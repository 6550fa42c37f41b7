"""A research report as Markdown."""

from langgraph_parallel.records import Reference, Research
from langgraph_parallel.report.markdown import (
    bullets,
    escape,
    join_blocks,
    names_line,
    notice_block,
    paragraphs,
)


def research_markdown(research: Research) -> str:
    """Render the report, its references, and what is missing; passages are shown once, with their source."""
    quoted = [reference for reference in research.references if not reference.shown]
    return join_blocks(
        [
            f"# {escape(research.question)}",
            notice_block(research.notice),
            *paragraphs(research.text),
            "## References" if quoted else "",
            bullets(map(_show_reference, quoted)),
            names_line("Missing", research.missing),
            names_line("Found, but not cited", research.uncited),
        ]
    )


def _show_reference(reference: Reference) -> str:
    return f"\\[{reference.number}\\] {escape(reference.source)}: \u201c{escape(reference.quote)}\u201d"
