"""The command `panel`."""

from enum import StrEnum
from typing import Annotated

import typer

from langgraph_parallel.cli.options import ListFormat, ListFormatOption
from langgraph_parallel.cli.vote_options import AbstainOption, NormaliseOption, VotesArgument


class PanelRule(StrEnum):
    """How the panels decide."""

    majority = "majority"
    weighted = "weighted"


AskedOption = Annotated[
    list[str] | None,
    typer.Option(
        "--asked",
        metavar="VOTER",
        help="A voter that is asked today; repeatable. Other recorded voters are candidates to add. "
        "Default: all.",
    ),
]
PriceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--price",
        metavar="VOTER=PRICE",
        help="Price of one answer of a voter, in dollars or any other unit; repeatable, others are free. "
        "Default: 1 each.",
    ),
]
BudgetOption = Annotated[
    float | None,
    typer.Option("--budget", min=0, metavar="PRICE", help="Show the best panel that costs at most this."),
]
PanelRuleOption = Annotated[
    PanelRule,
    typer.Option("--rule", help="How panels decide; 'weighted' learns weights, and needs true answers."),
]
ToleranceOption = Annotated[
    float | None,
    typer.Option(
        "--tolerance",
        min=0,
        max=1,
        metavar="SHARE",
        help="Share that the pruned panel may lose. Default: 0; 0.02 without true answers.",
    ),
]


def panel(
    votes: VotesArgument,
    asked: AskedOption = None,
    price: PriceOption = None,
    budget: BudgetOption = None,
    rule: PanelRuleOption = PanelRule.majority,
    tolerance: ToleranceOption = None,
    normalise: NormaliseOption = None,
    abstain: AbstainOption = None,
    format: ListFormatOption = ListFormat.text,
) -> int:
    """Say what a panel is worth, from recorded votes; who adds what.

    It prints the effective votes, what each voter adds, the cheapest panel that is as good, and the best one
    within a budget.

    Each line is a JSON object as of 'replay', with the ballots of all voters. Without "gold", the true
    answer, voters are compared with the verdict of all: that is agreement, not accuracy.
    """
    from langgraph_parallel.cli.appraisals import appraisal_text, parse_prices
    from langgraph_parallel.cli.exit_codes import OK
    from langgraph_parallel.cli.recorded_votes import AnswerFormat, read_votes
    from langgraph_parallel.cli.writing import write_text
    from langgraph_parallel.reducers.votes.panels.appraising import appraise

    answers = AnswerFormat.of(normalise, abstain or ())
    read = [answers.read(number, vote) for number, vote in enumerate(read_votes(votes), 1)]
    appraisal = appraise(
        [(vote.ballots, vote.gold) for vote in read],
        panel=asked,
        prices=parse_prices(price),
        budget=budget,
        rule=rule.value,
        tolerance=tolerance,
    )
    as_json = format is ListFormat.json
    write_text(appraisal.model_dump_json(indent=2) + "\n" if as_json else appraisal_text(appraisal, budget))
    return OK
