"""The command `research`."""

from typing import Annotated

import typer

from langgraph_parallel.cli.options import (
    Format,
    FormatOption,
    OfflineRunOptions,
)
from langgraph_parallel.cli.spelled import spell_out

QuestionArgument = Annotated[str, typer.Argument(metavar="QUESTION", help="Question to answer.")]
PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="FILE", help="Text, Markdown, HTML, PDF and .docx files to search, and folders of them."
    ),
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


@spell_out
def research(
    question: QuestionArgument,
    paths: PathsArgument = None,
    max_topics: TopicsOption = 5,
    max_rounds: RoundsOption = 2,
    format: FormatOption = Format.text,
    *,
    options: OfflineRunOptions,
) -> int:
    """Research a question in documents; report with references.

    A planner splits the question into topics, which workers look into in parallel. Without a model, the
    report lists the passages that match best.
    """
    from langgraph_parallel.cli.checks import check_not_empty
    from langgraph_parallel.cli.graph_command import GraphCommand
    from langgraph_parallel.errors import UsageError
    from langgraph_parallel.graphs.research import create_research
    from langgraph_parallel.reading.documents import read_documents

    command = GraphCommand(options)
    shared = command.check()
    check_not_empty(question, "QUESTION")
    if not paths:
        raise UsageError("research needs documents; give files or folders to search, after the question")
    graph = create_research(
        model=options.model,
        offline=options.offline,
        max_topics=max_topics,
        max_rounds=max_rounds,
        **shared,
    )
    files = read_documents(paths, use="search")
    command.report_reading(files.remarks, files.skipped, files.unread)
    inputs = {"question": question, "files": files.texts}
    if options.estimate:
        return command.estimate(graph, inputs, format)
    return command.write(command.run(graph, inputs), "research", format)
