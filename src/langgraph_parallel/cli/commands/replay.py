"""The command `replay`."""

from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.options import ListFormat, ListFormatOption, RuleOption

VotesArgument = Annotated[
    Path,
    typer.Argument(metavar="VOTES.jsonl", help="Recorded ballots, one vote per line; .gz is decompressed."),
]
StopOption = Annotated[
    list[str] | None,
    typer.Option(
        "--stop",
        metavar="STOP",
        help="Stop to try, such as 'confident(0.95)'; repeatable. Default: those that suit the rule.",
    ),
]
VotersOption = Annotated[
    int | None,
    typer.Option("--voters", min=1, metavar="N", help="Draw this many ballots of each vote, for each order."),
]
WaveOption = Annotated[
    str,
    typer.Option(
        "--wave",
        metavar="lossless|all|N",
        help="Voters asked at the same time. 'lossless' asks as many as cost no more calls than one "
        "at a time.",
    ),
]
OrdersOption = Annotated[
    int,
    typer.Option(
        "--orders",
        min=0,
        metavar="N",
        help="Random orders of asking to average over; 0 keeps the recorded order.",
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", metavar="N", help="Seed of the random orders.")]
NormaliseOption = Annotated[
    list[str] | None,
    typer.Option(
        "--normalise",
        metavar="text|number|option|boxed",
        help="How to normalise answers before they are compared; repeatable, applied in order.",
    ),
]
AbstainOption = Annotated[
    list[str] | None,
    typer.Option("--abstain", metavar="ANSWER", help="Treat this answer as an abstention; repeatable."),
]


def replay(
    votes: VotesArgument,
    rule: RuleOption = "majority",
    stop: StopOption = None,
    voters: VotersOption = None,
    wave: WaveOption = "lossless",
    orders: OrdersOption = 10,
    seed: SeedOption = 0,
    normalise: NormaliseOption = None,
    abstain: AbstainOption = None,
    format: ListFormatOption = ListFormat.text,
) -> int:
    """Compare stops on recorded votes: calls saved, answers changed.

    Each line is a JSON object with "ballots" (from the output of a vote), "votes" (answers by voter) or
    "samples" (a list of answers), and "gold", the true answer, if known.
    """
    from langgraph_parallel.cli.exit_codes import OK
    from langgraph_parallel.cli.listing import trials_json, trials_text
    from langgraph_parallel.cli.replaying import Replaying, read_votes
    from langgraph_parallel.cli.writing import write_text

    replaying = Replaying.of(
        rule, stop, wave, voters=voters, orders=orders, seed=seed, normalise=normalise, abstain=abstain or ()
    )
    trials = replaying.trials(read_votes(votes))
    write_text(trials_json(trials) if format is ListFormat.json else trials_text(trials, orders))
    return OK
