"""An estimate, as text."""

from langgraph_parallel.records import Estimate
from langgraph_parallel.report.run import CAUSES, dollars
from langgraph_parallel.report.wording import count

_SWITCHES = {
    "caching": "leaders (limits: leader='auto')",
    "samples": "samples of one request (limits: samples='auto')",
    "batch": "batches (limits: lane='batch')",
}
"""What switches a lever on."""


def estimate_lines(estimate: Estimate) -> list[str]:
    """Return the greatest and the expected cost, and which lever saves most, as lines of text."""
    lines = [_greatest(estimate)]
    if estimate.expected_usd is not None and estimate.calls:
        lines.append(_expected(estimate))
        lines += [
            f"{switch} would save {dollars(usd)}."
            for lever, switch in _SWITCHES.items()
            if (usd := getattr(estimate.could_save, lever)) > 0
        ]
        if best := estimate.best_lever:
            is_used = getattr(estimate.savings, best) >= getattr(estimate.could_save, best)
            lines.append(f"Most {'is' if is_used else 'would be'} saved by {CAUSES[best]}.")
    return [*lines, *estimate.notes]


def _greatest(estimate: Estimate) -> str:
    calls, requests = count(estimate.calls, "call"), count(estimate.most_calls, "request")
    tokens = f"{estimate.input_tokens:,} tokens in and {estimate.output_tokens:,} out at most"
    cost = "at an unknown price" if estimate.usd is None else f"${estimate.usd:.2f} at most"
    return f"{calls} to models, {requests} if all are repeated; {tokens}, {cost}."


def _expected(estimate: Estimate) -> str:
    assert estimate.expected_usd is not None
    expected = f"Expected: {count(estimate.expected_calls, 'call')}, about {dollars(estimate.expected_usd)}"
    alone = estimate.expected_usd + estimate.savings.total
    saved = [(cause, getattr(estimate.savings, lever)) for lever, cause in CAUSES.items()]
    less = ", ".join(f"{cause} {dollars(usd)}" for cause, usd in saved if usd > 0)
    more = ", ".join(f"{cause} {dollars(-usd)}" for cause, usd in saved if usd < 0)
    instead = f" instead of {dollars(alone)} alone: saved by {less}" if less else ""
    return f"{expected}{instead}{f', more for {more}' if more else ''}."
