"""Research as Markdown. What it quotes is shown as it is."""

import re

from langgraph_parallel.records import Research
from langgraph_parallel.report.tables import escaped


def research_markdown(research: Research) -> str:
    """The report, its references, and what is missing."""
    lines = [f"# {escaped(research.question)}", ""]
    if research.notice:
        lines += [f"> {research.notice}", ""]
    for part in re.split(r"\n\s*\n", research.text):
        lines += [escaped(part), ""]
    if research.references:
        lines += ["## References", ""]
        lines += [
            f"- \\[{one.number}\\] {escaped(one.source)}: \u201c{escaped(one.quote)}\u201d"
            for one in research.references
        ]
        lines.append("")
    for title, names in (("Missing", research.missing), ("Found, and not referred to", research.uncited)):
        lines += [f"{title}: {', '.join(map(escaped, names))}.", ""] if names else []
    return "\n".join(lines)
