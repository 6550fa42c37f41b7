"""Research: plan topics, find gaps, and write a report that cites the findings."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field, JsonValue

from langgraph_parallel.arguments import at_least
from langgraph_parallel.errors import InputError, NoModelError
from langgraph_parallel.nodes.catalogue.references import (
    clean_citations,
    collect_references,
    group_findings,
    list_references,
    list_uncited,
    select_cited,
)
from langgraph_parallel.nodes.catalogue.researcher import Researcher, Step
from langgraph_parallel.nodes.catalogue.tools import Toolbox
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.flow.spec import PlanEstimate
from langgraph_parallel.nodes.text.passages import Passages
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.inputs import optional_texts, require_text
from langgraph_parallel.nodes.work.offline import OfflineCapable
from langgraph_parallel.nodes.work.workers import WorkerLike
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Estimate, Reference, Research, Section
from langgraph_parallel.report.research import research_markdown
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike
from langgraph_parallel.runtime.run import Run

RESEARCH, SEARCH_ONLY = "research", "search"
_MAX_PASSAGES = 8
"""Maximum passages of a search without a model."""
_NOTICE = (
    "Passages of the given files were selected by the words that they share with the question; nothing was "
    "concluded from them, and no language model took part."
)


class Topic(BaseModel):
    """One topic."""

    title: str = Field(description="A few words.")
    brief: str = Field(description="What to find out, what belongs to it, and what does not.")


class Topics(BaseModel):
    """Topics to research."""

    topics: list[Topic]


class ResearchSteps(OfflineCapable):
    """Plans topics, finds gaps, and writes the report.

    Args:
        prompts: `plan`, `step`, `gaps`, `report`.
        model: of all calls.
        tools: LangChain tools, or functions with a docstring.
        max_topics: maximum topics of a round.
        max_rounds: maximum rounds.
        max_steps: maximum model calls of a worker on one topic.
        offline: whether to use no model.
        language: of the report.

    Raises:
        UsageError: a number is less than 1, a tool is not valid, or `model` and `offline` are both set.
    """

    def __init__(
        self,
        prompts: Mapping[str, Prompt],
        model: ModelLike | None,
        tools: Sequence[Any],
        *,
        max_topics: int,
        max_rounds: int,
        max_steps: int,
        offline: bool,
        language: str,
    ) -> None:
        super().__init__(model, offline=offline)
        at_least(max_topics, "max_topics")
        at_least(max_rounds, "max_rounds")
        at_least(max_steps, "max_steps")
        self._tools = Toolbox(tools)
        self._max_topics, self._max_rounds = max_topics, max_rounds
        settings = {"most": str(max_topics), "language": language}

        def ask(name: str, schema: type[BaseModel] | None = None, instructing: Sequence[str] = ()) -> Ask:
            given = prompts[name].fitting(settings)
            return Ask(prompts[name], model=model, schema=schema, given=given, instructing=instructing)

        self.planner, self.gap_finder, self.writer = ask("plan", Topics), ask("gaps", Topics), ask("report")
        self.workers: dict[str, WorkerLike] = {
            RESEARCH: Researcher(ask("step", Step, instructing=["left"]), self._tools, max_steps),
            SEARCH_ONLY: self.search,
        }

    async def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each topic; without a model, one that searches for the question itself.

        Raises:
            InputError: there is nothing to search: neither files nor tools.
            NoModelError: there is neither a model nor a file.
        """
        question, files = _read_input(given)
        if not self.uses_model(context):
            if not files:
                raise NoModelError(
                    "there is no model and there are no files; set OPENAI_API_KEY or pass model=, or pass "
                    "{'files': {...}}, which is searched without a model"
                )
            return [_section("1", "passages", "", question, files, SEARCH_ONLY)]
        if not files and not len(self._tools):
            raise InputError(
                "there is nothing to search; pass files with the question, or tools= to create_research"
            )
        topics: Topics = await self.planner.ainvoke({"question": question})
        return self._sections(topics, question, files, first=1)

    def estimate_plan(self, given: Mapping[str, Any], run: Run, context: Context) -> PlanEstimate:
        """Estimate the maximum of topics in all rounds, and the calls that plan them."""
        question, files = _read_input(given)
        if not self.uses_model(context):
            return PlanEstimate(Estimate(), [])
        calls = self.planner.estimate({"question": question}, run, context)
        for _ in range(self._max_rounds - 1):
            more = self._max_topics * run.limits.answer_tokens
            calls += self.gap_finder.estimate({"question": question, "findings": ""}, run, context, more=more)
        count = self._max_topics * self._max_rounds
        sections = [_section(str(i), "", "", question, files, RESEARCH) for i in range(count)]
        return PlanEstimate(calls, sections)

    def search(self, section: Section) -> dict[str, Any]:
        """Return the passages most similar to the question as findings, without a model."""
        files: Any = section.data["files"]
        passages = Passages(files).search(section.content, _MAX_PASSAGES)
        findings = [
            {"claim": "", "source": passage.label, "quote": passage.text, "shown": passage.shown}
            for passage in passages
        ]
        return {"findings": findings, "unsupported": 0}

    async def next_round(self, gathered: Gathered) -> Sequence[Section]:
        """Return a section for each gap; none after the last round, or without a model."""
        if gathered.last_round + 1 >= self._max_rounds or gathered.of_worker(SEARCH_ONLY):
            return []
        question, files = _read_input(gathered.given)
        briefs = "\n".join(f"- {section.title}: {section.instructions}" for section in gathered.sections)
        findings = list_references(collect_references(gathered))
        gaps: Topics = await self.gap_finder.ainvoke(
            {"question": question, "findings": f"{briefs}\n\n{findings}"}
        )
        return self._sections(gaps, question, files, first=len(gathered.sections) + 1)

    async def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Write the report, and keep the references that it cites."""
        question, references = str(gathered.given["question"]), collect_references(gathered)
        findings = group_findings(gathered)
        empty = [f"{topic} (nothing found)" for topic, found in findings.items() if not found]
        missing = [*gathered.missing, *empty]
        searched = any(section.worker == SEARCH_ONLY for section in gathered.sections)
        text = (
            _list_passages(references)
            if searched or not references
            else await self._write(gathered, question, references, missing)
        )
        if text is None:
            return {"research": None, "markdown": None, "missing": missing}
        cited = select_cited(text, references)
        research = Research(
            question=question,
            text=text,
            references=cited,
            topics=list(findings),
            missing=missing,
            uncited=list_uncited(findings, cited),
            notice=_NOTICE if searched else "",
        )
        return {"research": research, "markdown": research_markdown(research), "missing": missing}

    async def _write(
        self, gathered: Gathered, question: str, references: Sequence[Reference], missing: Sequence[str]
    ) -> str | None:
        """Return the text of the report; None if writing it failed."""
        values = {
            "question": question,
            "findings": list_references(references),
            "missing": ", ".join(missing),
        }
        text = await gathered.attempt("write", lambda _: self.writer.ainvoke(values), optional=True)
        return None if text is None else clean_citations(str(text), len(references))

    def _sections(
        self, topics: Topics, question: str, files: Mapping[str, str], *, first: int
    ) -> list[Section]:
        return [
            _section(str(i), topic.title, topic.brief, question, files, RESEARCH)
            for i, topic in enumerate(topics.topics[: self._max_topics], first)
        ]


def _section(
    id: str, title: str, brief: str, question: str, files: Mapping[str, str], worker: str
) -> Section:
    texts: dict[str, JsonValue] = dict(files)
    return Section(
        id=id,
        title=title or "topic",
        content=question,
        instructions=brief,
        worker=worker,
        data={"files": texts},
    )


def _read_input(given: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
    """Return the question and the files."""
    return require_text(given, "question"), optional_texts(given, "files", "file")


def _list_passages(references: Sequence[Reference]) -> str:
    passages = [f"[{reference.number}] {reference.source}\n\n{reference.shown}" for reference in references]
    return "\n\n".join(passages) or "Nothing was found."
