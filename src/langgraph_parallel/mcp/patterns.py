"""The graph, the input and the result of each tool. A call builds its graph, as its arguments say."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel.errors import UsageError
from langgraph_parallel.graphs.options import GraphOptions
from langgraph_parallel.mcp.arguments import (
    BriefArguments,
    FeedbackArguments,
    ModerateArguments,
    ResearchArguments,
    ReviewArguments,
    VoteArguments,
)
from langgraph_parallel.mcp.reading import Reader, Texts
from langgraph_parallel.mcp.results import (
    Result,
    brief_result,
    feedback_result,
    moderate_result,
    research_result,
    review_result,
    vote_result,
)
from langgraph_parallel.runtime.models import default_model

MODEL_HINT = (
    "start the server with --model PROVIDER:MODEL and without --offline, or set LANGGRAPH_PARALLEL_MODEL or "
    "OPENAI_API_KEY in its environment (env in the configuration of the client)"
)
_NO_DOCUMENTS = "{tool} needs documents: pass documents (text by name), paths, or both"


@dataclass(frozen=True)
class Settings:
    """What the server was started with; no argument of a tool changes it.

    Attributes:
        models: to ask: all are the voters of a vote, the first does everything else; empty for the one that
            the environment names.
        offline: whether no model is asked.
        options: of every graph: limits, and what traces hold.
    """

    models: Sequence[str] = ()
    offline: bool = False
    options: GraphOptions = dataclasses.field(default_factory=GraphOptions)

    @property
    def model(self) -> str | None:
        """The model that is asked outside of votes; None for the one of the environment."""
        return self.models[0] if self.models else None

    @property
    def has_model(self) -> bool:
        """Whether a model can be asked."""
        return not self.offline and bool(self.models or default_model())


@dataclass(frozen=True)
class Work:
    """A graph with its input, and what becomes of its output.

    Attributes:
        graph: to run.
        inputs: of the graph.
        key: of the record in its output.
        result: builds the structured result from the record and the fields that all results share.
        markdown: renders the output in at most some lines, where that is possible; None for all of it.
        problems: what was not read.
        asks: whether the run may stop to ask a person.
    """

    graph: Any
    inputs: Mapping[str, Any]
    key: str
    result: Callable[[Any, Mapping[str, Any]], Result]
    markdown: Callable[[Mapping[str, Any], int | None], str] = lambda output, lines: output["markdown"]
    problems: Sequence[str] = ()
    asks: bool = False


def review(given: ReviewArguments, settings: Settings, reader: Reader) -> Work:
    """Prepare a review.

    Raises:
        UsageError: nothing is to be reviewed, what is cannot be read, or there is no voter.
    """
    from langgraph_parallel.graphs.review import create_review
    from langgraph_parallel.offline import installed_engines
    from langgraph_parallel.report.review.markdown import markdown_report

    if (given.paths or given.since) and (given.files or given.diff):
        raise UsageError("review takes paths and since, or files and diff; call it once for each")
    if not (given.paths or given.since or given.files or given.diff):
        raise UsageError("review needs code: pass paths, since, files, or diff")
    if not settings.has_model and not installed_engines():
        install = "pip install 'langgraph-parallel[offline]'"
        raise UsageError(f"no voter: install the static engines ({install}), or {MODEL_HINT}")
    code = reader.code(given.paths, given.since)
    inputs = {"files": given.files, "diff": given.diff or None} if given.files or given.diff else code.inputs
    graph = create_review(
        model=settings.model,
        aspects=given.aspects or code.aspects,
        voters=given.voters,
        offline=settings.offline,
        **settings.options,
    )
    filters = code.filters
    if given.min_severity != "low":
        filters = dataclasses.replace(filters, min_severity=given.min_severity)

    def markdown(output: Mapping[str, Any], lines: int | None) -> str:
        shown = filters.apply(output["review"])
        return markdown_report(shown, full=True) if lines is None else markdown_report(shown, most=lines)

    return Work(
        graph,
        inputs,
        "review",
        lambda record, shared: review_result(filters.apply(record), shared),
        markdown,
    )


def brief(given: BriefArguments, settings: Settings, reader: Reader) -> Work:
    """Prepare a briefing.

    Raises:
        UsageError: there are no documents, or one cannot be read.
    """
    from langgraph_parallel.graphs.briefing import create_briefing

    read = _documents("brief", given, reader, "brief on")
    language: Any = {"language": given.language} if given.language else {}
    graph = create_briefing(
        model=settings.model,
        offline=settings.offline,
        **language,
        **settings.options,
    )
    return Work(graph, {"documents": read.texts}, "briefing", brief_result, problems=read.problems)


def moderate(given: ModerateArguments, settings: Settings, reader: Reader) -> Work:
    """Prepare a moderation.

    Raises:
        UsageError: the text is empty, or an argument is not valid.
    """
    from langgraph_parallel.graphs.moderation import create_moderation

    _check_text(given.text, "text of moderate")
    graph = create_moderation(
        model=settings.model,
        offline=settings.offline,
        checks=given.checks or None,
        region=given.region or None,
        **settings.options,
    )
    return Work(graph, {"text": given.text}, "moderation", moderate_result)


def vote(given: VoteArguments, settings: Settings, reader: Reader) -> Work:
    """Prepare a vote.

    Raises:
        UsageError: there is no model, or an argument is not valid.
    """
    from langgraph_parallel.graphs.voting import create_voting
    from langgraph_parallel.nodes.work.roster import SIZE, Roster
    from langgraph_parallel.report.voting import verdict_markdown

    _check_text(given.question, "question of vote")
    if not settings.has_model:
        raise UsageError(f"a vote needs a model: {MODEL_HINT}")
    several = len(settings.models) if len(settings.models) > 1 else SIZE
    asks = given.on_undecided == "ask_person"
    options: GraphOptions = {**settings.options}
    if asks:
        options["checkpointer"] = InMemorySaver()
    graph = create_voting(
        voters=Roster(given.voters or several, models=settings.models),
        choices=given.choices or None,
        rule=given.rule,
        on_undecided="escalate" if asks else "return",
        **options,
    )
    return Work(
        graph,
        {"question": given.question},
        "verdict",
        vote_result,
        lambda output, lines: verdict_markdown(output["verdict"]),
        asks=asks,
    )


def feedback(given: FeedbackArguments, settings: Settings, reader: Reader) -> Work:
    """Prepare an analysis of feedback."""
    from langgraph_parallel.graphs.feedback import create_feedback

    dimensions: Any = {"dimensions": given.dimensions} if given.dimensions else {}
    graph = create_feedback(
        model=settings.model,
        offline=settings.offline,
        **dimensions,
        **settings.options,
    )
    return Work(graph, {"texts": given.texts}, "feedback", feedback_result)


def research(given: ResearchArguments, settings: Settings, reader: Reader) -> Work:
    """Prepare a research.

    Raises:
        UsageError: the question is empty, there are no documents, or one cannot be read.
    """
    from langgraph_parallel.graphs.research import create_research

    _check_text(given.question, "question of research")
    read = _documents("research", given, reader, "search")
    graph = create_research(
        model=settings.model,
        offline=settings.offline,
        max_topics=given.max_topics,
        max_rounds=given.max_rounds,
        **settings.options,
    )
    inputs = {"question": given.question, "files": read.texts}
    return Work(graph, inputs, "research", research_result, problems=read.problems)


def _documents(tool: str, given: BriefArguments | ResearchArguments, reader: Reader, use: str) -> Texts:
    if not given.documents and not given.paths:
        raise UsageError(_NO_DOCUMENTS.format(tool=tool))
    if not given.paths:
        return Texts(given.documents)
    read = reader.documents(given.paths, use)
    if twice := sorted(given.documents.keys() & read.texts.keys()):
        raise UsageError(f"{twice[0]!r} is in documents and in paths; rename one")
    return Texts({**given.documents, **read.texts}, read.problems)


def _check_text(text: str, argument: str) -> None:
    if not text.strip():
        raise UsageError(f"the {argument} is empty; expected text")
