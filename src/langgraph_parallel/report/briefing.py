"""A briefing as Markdown. What it quotes is shown as it is."""

from langgraph_parallel.records import Briefing, Citation
from langgraph_parallel.report.tables import escaped


def briefing_markdown(briefing: Briefing) -> str:
    """Summary, themes, contradictions, and the places that they rest on."""
    lines = ["# Briefing", ""]
    if briefing.notice:
        lines += [f"> {briefing.notice}", ""]
    lines += [escaped(briefing.summary), ""]
    for theme in briefing.themes:
        lines += [f"## {escaped(theme.title)}", ""]
        lines += [escaped(theme.text), ""] if theme.text else []
        lines += [*(f"- {_cited(citation)}" for citation in theme.citations), ""]
    if briefing.conflicts:
        lines += ["## Contradictions", ""]
    for conflict in briefing.conflicts:
        lines += [f"**{escaped(conflict.about)}**: {escaped(conflict.explanation)}", ""]
        lines += [f"- {_cited(conflict.first)}", f"- {_cited(conflict.second)}", ""]
    for digest in briefing.digests:
        lines += [f"## {escaped(digest.document)}", ""]
        lines += [
            f"- {escaped(point)} (line {citation.line})"
            for point, citation in zip(digest.points, digest.citations, strict=True)
        ]
        lines.append("")
    lines += ["## Sources", "", f"Read: {_names(briefing.documents)}.", ""]
    for title, names in (
        ("Missing", briefing.missing),
        ("Read, and not referred to", briefing.uncited),
        ("Left out, because no document supports it", briefing.unsupported),
    ):
        lines += [f"{title}: {_names(names)}.", ""] if names else []
    return "\n".join(lines)


def _cited(citation: Citation) -> str:
    return f"{escaped(citation.document)}, line {citation.line}: \u201c{escaped(citation.quote)}\u201d"


def _names(names: list[str]) -> str:
    return ", ".join(map(escaped, names)) or "nothing"
