"""A briefing as Markdown."""

from langgraph_parallel.records import Briefing, Citation, Conflict, Digest, Theme
from langgraph_parallel.report.markdown import bullets, escape, join_blocks, names_line, notice_block


def briefing_markdown(briefing: Briefing) -> str:
    """Render summary, themes, contradictions, digests and sources, with their citations."""
    return join_blocks(
        [
            "# Briefing",
            notice_block(briefing.notice),
            escape(briefing.summary),
            *(block for theme in briefing.themes for block in _theme_blocks(theme)),
            "## Contradictions" if briefing.contradictions else "",
            *(block for conflict in briefing.contradictions for block in _conflict_blocks(conflict)),
            *(block for digest in briefing.digests for block in _digest_blocks(digest)),
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


def _cite(citation: Citation) -> str:
    quote = escape(citation.shown or citation.quote)
    return f"{escape(citation.document)}, line {citation.line}: \u201c{quote}\u201d"
