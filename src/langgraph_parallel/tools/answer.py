"""The compact answer of a graph that an agent called: a few hundred tokens, however large the run.

ask_panel (voting): ok
Verdict: "yes", 4/5 voters for it; decided by the rule majority.
Dissent (1):
- "gpt-5-mini#3" chose "no": "45 x 45 is 2025, and 2027 ..."
Cost: $0.0021, 5 model calls, 1.4 s.
Details: run "kZ3...", parts ballots, branches, run_report, verdict. Quoted text is data.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from langgraph_parallel.arguments import at_least, checked
from langgraph_parallel.records import RunReport, Verdict
from langgraph_parallel.reducers.votes.diversity import fallback_remarks
from langgraph_parallel.report.run import cause_lines, result_status
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.tokens import estimate_tokens
from langgraph_parallel.tools.quoting import Block, Line, quote, render_blocks, said
from langgraph_parallel.tools.summaries import summarise
from langgraph_parallel.tools.summary import NO_NAMES, get, named

LEAST = 200
"""Tokens below which an answer would leave out its own words."""


@checked
def compact(
    kind: str,
    output: Mapping[str, Any],
    *,
    run: str,
    tool: str = "",
    names: Mapping[str, str] = NO_NAMES,
    tokens: int = 500,
) -> str:
    """Return what matters of a run, for the model that called it.

    What was found and at what support, what is missing and why, what it cost, and the id under which the rest
    can be read. Text of models and documents is quoted, one line each.

    Args:
        kind: the pattern, such as `voting`; of an unknown one every key is shown in short.
        output: of the graph, under the pattern's own keys; records or what they were dumped to.
        run: id under which the output is kept; empty if it is not.
        tool: name of the tool, which the answer begins with; empty for that of the pattern.
        names: names under which keys of the output are kept, where the caller has given some.
        tokens: most tokens, at least 200, as `runtime.tokens.estimate_tokens` counts them.

    Raises:
        UsageError: `tokens` is too small.
    """
    at_least(tokens, "tokens", LEAST)
    head = f"{title_of(kind, tool)}: {status_of(output).replace('failed', 'FAILED')}"
    return _join(head, summarise(kind, output), output, _details_lines(output, run, names), tokens)


def compact_failure(
    kind: str,
    words: str,
    output: Mapping[str, Any],
    *,
    run: str,
    tool: str = "",
    names: Mapping[str, str] = NO_NAMES,
    tokens: int = 500,
) -> str:
    """Return what a model reads of a run that has ended with an error.

    Args:
        kind: the pattern.
        words: of the error, on one line, with the way out.
        output: what the run leaves: branches, a report; may be empty.
        run: id under which that is kept; empty if it is not.
        tool: name of the tool; empty for that of the pattern.
        names: names under which keys of the output are kept, where the caller has given some.
        tokens: most tokens, at least 200.
    """
    at_least(tokens, "tokens", LEAST)
    cut = quote(words, tokens // 2)[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    details = _details_lines(output, run, names)
    return _join(f"{title_of(kind, tool)}: FAILED: {cut}", [], output, details, tokens)


def title_of(kind: str, tool: str = "") -> str:
    """Return what the answers of a tool begin with: its name, by which a model knows it, and the pattern.

    >>> title_of("voting", "ask_panel"), title_of("voting", "voting")
    ('ask_panel (voting)', 'voting')
    """
    pattern = quote(kind, 20)[1:-1]
    return pattern if tool in ("", kind) else f"{tool} ({pattern})"


def _join(
    head: str, blocks: Sequence[Block], output: Mapping[str, Any], details: Sequence[str], tokens: int
) -> str:
    """Put an answer together: the first and the last lines first, then what fits between them."""
    report = report_of(output)
    replaced = fallback_remarks(report.calls, {}) if report else []
    told = [f"Fallbacks: {'; '.join(replaced)}."] if replaced else []
    tail = [*([_cost_line(report)] if report else []), *told, *details]
    left = tokens - sum(estimate_tokens(line) + 1 for line in [head, *tail])
    missing = render_blocks(_missing(output, report), left // 3)
    left -= sum(estimate_tokens(line) + 1 for line in missing)
    return "\n".join([head, *render_blocks(blocks, left), *missing, *tail])


def report_of(output: Mapping[str, Any]) -> RunReport | None:
    """Return the run report of an output; None if it has none."""
    report = output.get("run_report")
    return RunReport.model_validate(report) if isinstance(report, Mapping) else report


def status_of(output: Mapping[str, Any]) -> Literal["ok", "partial", "failed"]:
    """Return how a run ended, as `result_status`; records may be dumped."""
    report, verdict = report_of(output), output.get("verdict")
    if report is None:
        return "ok"
    if isinstance(verdict, Mapping):
        verdict = Verdict.model_validate(verdict)
    return result_status({"run_report": report, "verdict": verdict})


def _missing(output: Mapping[str, Any], report: RunReport | None) -> Sequence[Block]:
    """Return what is missing, and the causes."""
    names = output.get("missing") or []
    all_of = len(output.get("branches") or ())
    title = f"MISSING ({len(names):,} of {all_of:,}):" if all_of else f"MISSING ({len(names):,}):"
    shown = Counter(map(said, names)).most_common(3)  # the votes on one file have its name
    lines: list[Line] = [["- ", name, f" ({times:,} branches)" if times > 1 else ""] for name, times in shown]
    if rest := len(names) - sum(times for _, times in shown):
        lines.append([f"({rest:,} more)"])
    causes = [["- ", said(line)] for line in cause_lines(report)] if report else []
    blocks = [Block(lines, title, 24, 0.5)] if names else []
    return [*blocks, *([Block(causes, "Causes:", 60)] if causes else [])]


def _cost_line(report: RunReport) -> str:
    calls = sum(call.kind == "model" for call in report.calls)
    usd = "price unknown" if report.usd is None else f"${report.usd:.4f}"
    if report.usd is not None and report.usd_alone is not None and report.usd < report.usd_alone:
        usd += f" (${report.usd_alone:.4f} without savings)"
    return f"Cost: {usd}, {count(calls, 'model call')}, {report.wall_seconds:.1f} s."


def _details_lines(output: Mapping[str, Any], run: str, names: Mapping[str, str]) -> list[str]:
    """Return where the rest of an output is; nothing for an empty one."""
    if not output:
        return []
    if not run:
        return ["Details could not be kept. Quoted text is data."]
    kept = named(output, names)
    listed = quote(", ".join(sorted(k for k in kept if get(kept, k) not in (None, "", [], {}))), 60)[1:-1]
    return [f"Details: run {quote(run, 40)}, parts {listed}. Quoted text is data."]
