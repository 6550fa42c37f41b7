"""Appraisals of panels as text, and the prices of their voters."""

from collections.abc import Sequence

from langgraph_parallel.cli.listing import align
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Appraisal, PanelChoice, VoterWorth
from langgraph_parallel.report.wording import count, visible

_NAMED = 8
"""Voters of a panel that a line names."""


def parse_prices(given: Sequence[str] | None) -> dict[str, float] | None:
    """Read `VOTER=PRICE`; None if there is none.

    Raises:
        UsageError: one has no `=`, or its price is not a number.
    """
    if not given:
        return None
    prices = {}
    for one in given:
        voter, _, price = one.rpartition("=")
        try:
            prices[voter] = float(price)
        except ValueError:
            voter = ""
        if not voter:
            raise UsageError(f"--price is {one!r}; expected VOTER=PRICE, such as '#1=0.002'")
    return prices


def appraisal_text(appraisal: Appraisal, budget: float | None = None) -> str:
    """Render the summary, a table of panels and a table of voters.

    Args:
        appraisal: of a panel.
        budget: that the best panel was wanted for; None for none.
    """
    measure = "right" if appraisal.basis == "accuracy" else "agree"
    head = f"{count(appraisal.questions, 'question')}, decided by {appraisal.rule}"
    if appraisal.left_out:
        head += f"; {count(appraisal.left_out, 'question')} without a true answer or a verdict left out"
    lines = [head, *appraisal.sentences]
    if budget is not None and appraisal.affordable is None:
        lines.append(f"No voter is within the budget of {budget:g}.")
    lines += ["", *align(_panels(appraisal, measure), texts=2), ""]
    lines += align([_voter_header(measure), *map(_voter_row, appraisal.voters)])
    return "\n".join(map(visible, lines)) + "\n"


def _panels(appraisal: Appraisal, measure: str) -> list[list[str]]:
    named = [("as it is", appraisal.panel), ("pruned", appraisal.pruned)]
    if appraisal.affordable is not None:
        named.append(("in budget", appraisal.affordable))
    named += [("", choice) for choice in appraisal.choices]
    header = ["panel", "voters", "size", "price", measure, "95%"]
    return [header, *(_panel_row(name, choice) for name, choice in named)]


def _panel_row(name: str, choice: PanelChoice) -> list[str]:
    voters = ", ".join(choice.voters[:_NAMED])
    if choice.size > _NAMED:
        voters += f" and {choice.size - _NAMED} more"
    interval = f"{choice.interval.low:.1%} to {choice.interval.high:.1%}"
    return [name, voters, str(choice.size), f"{choice.price:g}", f"{choice.share:.1%}", interval]


def _voter_header(measure: str) -> list[str]:
    return ["voter", measure, "price", "asked", "adds", "95%", "adds per price"]


def _voter_row(voter: VoterWorth) -> list[str]:
    low, high = voter.adds_interval.low, voter.adds_interval.high
    return [
        voter.voter,
        f"{voter.share:.1%}",
        f"{voter.price:g}",
        "yes" if voter.in_panel else "no",
        f"{100 * voter.adds:+.1f}",
        f"{100 * low:+.1f} to {100 * high:+.1f}",
        f"{100 * voter.adds_per_price:+.3g}" if voter.price else "free",
    ]
