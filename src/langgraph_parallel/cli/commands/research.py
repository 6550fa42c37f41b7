"""The command `research`."""

from typing import Annotated

import typer

from langgraph_parallel.cli.options import (
    BudgetCallsOption,
    BudgetUsdOption,
    DeadlineOption,
    Format,
    FormatOption,
    ModelOption,
    OfflineOption,
    OutputOption,
    QuietOption,
)

QuestionArgument = Annotated[str, typer.Argument(metavar="QUESTION", help="Question to answer.")]
PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="FILE", help="Text, Markdown, HTML and PDF files to search, and folders of them."),
]
TopicsOption = Annotated[
    int, typer.Option("--max-topics", min=1, metavar="N", help="Maximum topics in one round.")
]
RoundsOption = Annotated[
    int,
    typer.Option(
        "--max-rounds",
        min=1,
        metavar="N",
        help="Maximum rounds; each further round looks into what is missing.",
    ),
]


def research(
    question: QuestionArgument,
    paths: PathsArgument = None,
    model: ModelOption = None,
    offline: OfflineOption = False,
    topics: TopicsOption = 5,
    rounds: RoundsOption = 2,
    format: FormatOption = Format.text,
    output: OutputOption = None,
    deadline: DeadlineOption = None,
    budget_calls: BudgetCallsOption = None,
    budget_usd: BudgetUsdOption = None,
    quiet: QuietOption = False,
) -> int:
    """Research a question in documents; report with references.

    A planner splits the question into topics, which workers look into in parallel. Without a model, the
    report lists the passages that match best.
    """
    from langgraph_parallel.cli.checks import check_not_empty
    from langgraph_parallel.cli.graph_command import GraphCommand
    from langgraph_parallel.cli.input.documents import read_documents
    from langgraph_parallel.errors import UsageError
    from langgraph_parallel.graphs.research import create_research

    command = GraphCommand(
        model=model,
        offline=offline,
        output=output,
        deadline=deadline,
        budget_calls=budget_calls,
        budget_usd=budget_usd,
        quiet=quiet,
    )
    limits = command.check()
    check_not_empty(question, "QUESTION")
    if not paths:
        raise UsageError("research needs documents: give files or folders to search, after the question")
    graph = create_research(model=model, offline=offline, max_topics=topics, max_rounds=rounds, limits=limits)
    files = read_documents(paths, use="search")
    return command.write(command.run(graph, {"question": question, "files": files.texts}), "research", format)
