"""The command `vote`."""

from typing import Annotated

import typer

from langgraph_parallel.cli.options import (
    Format,
    FormatOption,
    RuleOption,
    RunOptions,
    spell_out,
    split_names,
)

QuestionArgument = Annotated[
    str, typer.Argument(metavar="QUESTION", help="Question that every voter answers.")
]
ChoicesOption = Annotated[
    str | None,
    typer.Option("--choices", metavar="A,B", help="Valid answers; any other answer is an abstention."),
]
VotersOption = Annotated[
    int, typer.Option("--voters", min=1, max=100, metavar="N", help="Maximum voters to ask.")
]
StopOption = Annotated[
    str,
    typer.Option(
        "--stop",
        metavar="STOP",
        help="When to stop asking voters, such as 'confident(0.95)' or all_votes. 'decided' stops once no "
        "further ballot can change the result.",
    ),
]


@spell_out
def vote(
    question: QuestionArgument,
    choices: ChoicesOption = None,
    voters: VotersOption = 3,
    rule: RuleOption = "majority",
    stop: StopOption = "decided",
    format: FormatOption = Format.text,
    *,
    options: RunOptions,
) -> int:
    """Ask several model voters one question; a rule decides.

    Exits with code 1 if the vote is undecided. Needs a model.
    """
    from langgraph_parallel.cli.exit_codes import FOUND, OK
    from langgraph_parallel.cli.graph_command import GraphCommand
    from langgraph_parallel.graphs.voting import create_voting
    from langgraph_parallel.report.voting import verdict_markdown

    command = GraphCommand(options)
    shared = command.check()
    names = split_names(choices)
    _check_vote(question, options.model, names, rule, stop)
    graph = create_voting(model=options.model, voters=voters, choices=names, rule=rule, stop=stop, **shared)
    result = command.run(graph, {"question": question})
    code = command.write({**result, "markdown": verdict_markdown(result["verdict"])}, "verdict", format)
    return code if code != OK or result["verdict"].decided else FOUND


def _check_vote(question: str, model: str | None, choices: list[str] | None, rule: str, stop: str) -> None:
    from langgraph_parallel.cli.checks import MODEL_HINT, check_names, check_not_empty, has_model, naming
    from langgraph_parallel.errors import UsageError
    from langgraph_parallel.reducers.votes.rules import as_rule, ballot_form
    from langgraph_parallel.reducers.votes.stops import as_stop

    check_not_empty(question, "QUESTION")
    if choices is not None:
        check_names(choices, "--choices")
    with naming("--rule"):
        decision = as_rule(rule)
    if choices is not None and ballot_form(decision) in ("number", "score"):
        raise UsageError(f"--rule {rule} decides among numbers; leave out --choices")
    with naming("--stop"):
        as_stop(stop).check(decision)
    if not has_model(model):
        raise UsageError(f"no model: {MODEL_HINT}")
