"""An estimate, as text."""

from langgraph_parallel.records import Estimate
from langgraph_parallel.report.run import CAUSES, cause_words, saved_by_cause
from langgraph_parallel.report.wording import count
from langgraph_parallel.runtime.dollars import divide, dollars

_SWITCHES = {
    "caching": "A prefix that calls share, and that one of them leads (leader='auto' in the limits, "
    "LANGGRAPH_PARALLEL_LEADER=auto in a shell; Ask(shared=[...]) for prompts of your own)",
    "samples": "Samples of one request (--samples on, or samples='on' in the limits)",
    "batch": "Batches (--batch, or lane='batch' in the limits)",
}
"""What switches a lever on."""


def estimate_lines(estimate: Estimate) -> list[str]:
    """Return the greatest and the expected cost, and which lever saves most, as lines of text."""
    lines = [_greatest(estimate)]
    if estimate.expected_usd is not None and estimate.calls:
        lines.append(_expected(estimate, estimate.expected_usd))
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
    tokens = f"{count(estimate.input_tokens, 'token')} in and {estimate.output_tokens:,} out at most"
    # Rounded up: it is never shown below what is expected.
    most = "" if estimate.usd is None else f"at most {dollars(estimate.usd, up=True)}"
    cost = f"{most} if no request has to be repeated" if most else "at an unknown price"
    return f"{calls} to models, {requests} if all are repeated; {tokens}, {cost}."


def _expected(estimate: Estimate, usd: float) -> str:
    amounts = divide(usd, saved_by_cause(estimate.savings))
    causes = cause_words(amounts)
    instead = f" instead of {amounts.alone} alone: {causes}" if causes else ""
    return f"Expected: {count(estimate.expected_calls, 'call')}, about {amounts.paid}{instead}."
