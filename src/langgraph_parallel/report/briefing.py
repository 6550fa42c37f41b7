"""A briefing as Markdown."""

from collections.abc import Sequence

from langgraph_parallel.records import Briefing, Citation, Conflict, Digest, Theme
from langgraph_parallel.report.markdown import bullets, escape, join_blocks, names_line, notice_block
from langgraph_parallel.report.wording import count

_MAX_DIGESTS = 25
"""Documents whose points are shown at most, the first ones. The names of all are among the sources."""


def briefing_markdown(briefing: Briefing) -> str:
    """Render summary, themes, contradictions, digests and sources, with their citations.

    Of many digests the first ones are shown, and the rest is counted; the sources name all documents.
    """
    rest = briefing.digests[_MAX_DIGESTS:]
    return join_blocks(
        [
            "# Briefing",
            notice_block(briefing.notice),
            escape(briefing.summary),
            *(block for theme in briefing.themes for block in _theme_blocks(theme)),
            "## Contradictions" if briefing.contradictions else "",
            *(block for conflict in briefing.contradictions for block in _conflict_blocks(conflict)),
            *(block for digest in briefing.digests[:_MAX_DIGESTS] for block in _digest_blocks(digest)),
            _rest_line(rest),
            "## Sources",
            names_line("Read", briefing.documents) or "Read: nothing.",
            names_line("Missing", briefing.missing),
            names_line("Read, but not cited", briefing.uncited),
            names_line("Left out, because no document supports it", briefing.unsupported),
        ]
    )


def _theme_blocks(theme: Theme) -> list[str]:
    return [f"## {escape(theme.title)}", escape(theme.text), bullets(map(_cite, theme.citations))]


def _conflict_blocks(conflict: Conflict) -> list[str]:
    heading = f"**{escape(conflict.about)}**: {escape(conflict.explanation)}"
    return [heading, bullets(map(_cite, (conflict.first, conflict.second)))]


def _digest_blocks(digest: Digest) -> list[str]:
    points = (
        f"{escape(point)} (line {citation.line})"
        for point, citation in zip(digest.points, digest.citations, strict=True)
    )
    return [f"## {escape(digest.document)}", bullets(points)]


def _rest_line(rest: Sequence[Digest]) -> str:
    """Return how many digests are not shown, and where they are; empty for none."""
    if not rest:
        return ""
    points = count(sum(len(digest.points) for digest in rest), "point")
    return f"{points} of {count(len(rest), 'more document')}; the JSON report has all."


def _cite(citation: Citation) -> str:
    quote = escape(citation.shown or citation.quote)
    return f"{escape(citation.document)}, line {citation.line}: \u201c{quote}\u201d"
