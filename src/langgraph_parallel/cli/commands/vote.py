"""The command `vote`."""

from collections.abc import Sequence
from typing import Annotated

import typer

from langgraph_parallel.cli.options import (
    Format,
    FormatOption,
    PanelOptions,
    RuleOption,
)
from langgraph_parallel.cli.spelled import spell_out, split_names

QuestionArgument = Annotated[
    str, typer.Argument(metavar="QUESTION", help="Question that every voter answers.")
]
ChoicesOption = Annotated[
    str | None,
    typer.Option("--choices", metavar="A,B", help="Valid answers; any other answer is an abstention."),
]
VotersOption = Annotated[
    int | None,
    typer.Option(
        "--voters",
        "-n",
        min=1,
        max=100,
        metavar="N",
        help="Maximum voters to ask. Default: 3, or one for each --model; the models take turns.",
    ),
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
    voters: VotersOption = None,
    rule: RuleOption = "majority",
    stop: StopOption = "decided",
    format: FormatOption = Format.text,
    *,
    options: PanelOptions,
) -> int:
    """Ask several model voters one question; a rule decides.

    With --model again and again, the voters are a panel of several models. Exits with code 1 if the vote is
    undecided. Needs a model.
    """
    from langgraph_parallel.catalogue.spelling import naming
    from langgraph_parallel.cli.exit_codes import FOUND, OK
    from langgraph_parallel.cli.graph_command import GraphCommand
    from langgraph_parallel.graphs.voting import create_voting
    from langgraph_parallel.nodes.work.roster import SIZE, Roster
    from langgraph_parallel.report.voting import verdict_markdown

    command = GraphCommand(options)
    shared = command.check()
    names = split_names(choices)
    _check_vote(question, options.named_models, names, rule, stop)
    with naming("--voters"):
        models = options.named_models
        panel = Roster(voters or (len(models) if len(models) > 1 else SIZE), models=models)
        panel.count()
    graph = create_voting(voters=panel, choices=names, rule=rule, stop=stop, **shared)
    if options.estimate:
        return command.estimate(graph, {"question": question}, format)
    result = command.run(graph, {"question": question})
    code = command.write({**result, "markdown": verdict_markdown(result["verdict"])}, "verdict", format)
    return code if code != OK or result["verdict"].decided else FOUND


def _check_vote(
    question: str, models: Sequence[str], choices: list[str] | None, rule: str, stop: str
) -> None:
    from langgraph_parallel.catalogue.spelling import COMMAND, has_model, naming
    from langgraph_parallel.cli.checks import check_names, check_not_empty
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
    if not has_model(*models):
        raise UsageError(f"no model: {COMMAND.model_hint}")
