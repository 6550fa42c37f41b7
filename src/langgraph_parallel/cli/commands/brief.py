"""The command `brief`."""

from typing import Annotated, Any

import typer

from langgraph_parallel.cli.limit_options import MaxTokensOption
from langgraph_parallel.cli.options import (
    ExcludeOption,
    Format,
    FormatOption,
    OfflineRunOptions,
)
from langgraph_parallel.cli.spelled import spell_out

PathsArgument = Annotated[
    list[str],
    typer.Argument(
        metavar="DOCUMENT", help="Text, Markdown, HTML, PDF and .docx files, and folders of them."
    ),
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--include",
        metavar="GLOB",
        help="Below folders, read matching files instead, in .gitignore syntax; repeatable.",
    ),
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="LANGUAGE",
        help="Language of the briefing. Default: that of most documents.",
    ),
]


@spell_out
def brief(
    paths: PathsArgument,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    language: LanguageOption = None,
    max_tokens: MaxTokensOption = None,
    format: FormatOption = Format.text,
    *,
    options: OfflineRunOptions,
) -> int:
    """Write one briefing on many documents, with citations.

    The briefing names themes, and contradictions between documents. Without a model, it selects the most
    central sentences.
    """
    from langgraph_parallel.cli.graph_command import GraphCommand
    from langgraph_parallel.graphs.briefing import create_briefing
    from langgraph_parallel.reading.documents import read_documents

    command = GraphCommand(options)
    shared = command.check(max_tokens=max_tokens)
    arguments: Any = {} if language is None else {"language": language}
    graph = create_briefing(model=options.model, offline=options.offline, **shared, **arguments)
    documents = read_documents(paths, include=include or [], exclude=exclude or [], use="brief on")
    command.report_reading(documents.remarks, documents.skipped, documents.unread)
    inputs = {"documents": documents.texts}
    if options.estimate:
        return command.estimate(graph, inputs, format)
    return command.write(command.run(graph, inputs), "briefing", format)
