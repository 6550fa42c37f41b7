"""The command `replay`."""

from pathlib import Path
from typing import Annotated

import typer

from langgraph_parallel.cli.options import ListFormat, ListFormatOption, RuleOption
from langgraph_parallel.cli.vote_options import AbstainOption, NormaliseOption

FileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="RECORD",
        help="The record of a run, or recorded ballots, one vote per line; .gz is decompressed.",
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Of the record of a run: what would be otherwise; repeatable. stop, voters, wave, rule, race "
        "(true or false), concurrency, rate (requests per minute), hedge (off, p95, or after seconds), "
        "deadline (seconds).",
    ),
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


def replay(
    file: FileArgument,
    set: SetOption = None,
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
    """Say what other settings would have done, without a call.

    The record of a run (`record=`, --record) is replayed under what --set changes: calls, tokens,
    dollars, seconds and verdicts before and after, and what the record cannot tell. Only --set and --format
    are for it.

    Of recorded votes, stops are compared: calls saved, answers changed. Each line is a JSON object with
    "ballots" (from the output of a vote), "votes" (answers by voter) or "samples" (a list of answers), and
    "gold", the true answer, if known.
    """
    from langgraph_parallel.cli.exit_codes import OK
    from langgraph_parallel.cli.listing import trials_json, trials_text
    from langgraph_parallel.cli.recorded_votes import read_votes
    from langgraph_parallel.cli.replayed_run import is_run_record, replay_run
    from langgraph_parallel.cli.replaying import Replaying
    from langgraph_parallel.cli.writing import write_text

    if set or is_run_record(file):
        given = {"--stop": stop, "--voters": voters, "--normalise": normalise, "--abstain": abstain}
        replayed = replay_run(file, set or [], [name for name, value in given.items() if value])
        text = replayed.model_dump_json(indent=2) if format is ListFormat.json else str(replayed)
        write_text(f"{text}\n")
        return OK
    replaying = Replaying.of(
        rule, stop, wave, voters=voters, orders=orders, seed=seed, normalise=normalise, abstain=abstain or ()
    )
    trials = replaying.trials(read_votes(file))
    write_text(trials_json(trials) if format is ListFormat.json else trials_text(trials, orders))
    return OK
