"""Research while it runs: topics, gaps, and a report that cites what was found."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, JsonValue

from langgraph_parallel.errors import InputError, NoModelError
from langgraph_parallel.nodes.catalogue.tools import Step, Toolbox
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.text.passages import Passages
from langgraph_parallel.nodes.work.arguments import require_text
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Estimate, Reference, Research, Section
from langgraph_parallel.report.research import research_markdown
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike, in_reach
from langgraph_parallel.runtime.run import Run

RESEARCH, SEARCH_ONLY = "research", "search"
_CITED = re.compile(r"\[\s*(\d{1,6}(?:\s*[,;\u2013-]\s*\d{1,6})*)\s*\]")
_PASSAGES = 8
_RANGE = 50
"""References that are cited as a range, at most."""
_NOTICE = (
    "Passages of the given files were selected by the words that they share with the question; nothing was "
    "concluded from them, and no language model took part."
)


class _Topic(BaseModel):
    """One topic."""

    title: str
    brief: str


class Topics(BaseModel):
    """Topics to look into."""

    topics: list[_Topic]


class Inquiry:
    """What is the same in all runs of a research.

    Args:
        prompts: `plan`, `step`, `gaps`, `report`.
        model: of all of them.
        tools: of the workers.
        most: topics in a round, at most.
        rounds: how many there are, at most.
        offline: use no model.
        language: of the report.
    """

    def __init__(
        self,
        prompts: Mapping[str, Prompt],
        model: ModelLike | None,
        tools: Toolbox,
        *,
        most: int,
        rounds: int,
        offline: bool,
        language: str,
    ) -> None:
        self._model, self._tools, self._offline = model, tools, offline
        self._most, self._rounds = most, rounds
        words = {"most": str(most), "language": language}

        def ask(name: str, schema: type[BaseModel] | None = None) -> Ask:
            return Ask(prompts[name], model=model, schema=schema, given=prompts[name].fitting(words))

        self.planner, self.finder = ask("plan", Topics), ask("gaps", Topics)
        self.step, self.writer = ask("step", Step), ask("report")

    def uses_model(self, context: Context) -> bool:
        """Whether models look in a run with this context.

        Raises:
            NoModelError: one is named that cannot be had.
        """
        return not self._offline and in_reach(context.model or self._model)

    async def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """The topics; without a model, the question itself."""
        question, files = require_text(given, "question", "research"), _files(given)
        if not self.uses_model(context):
            if not files:
                raise NoModelError(
                    "no model, and no files to search: without a model research is search in files, no more"
                )
            return [self._section("passages", "", question, files, SEARCH_ONLY, "1")]
        if not files and not len(self._tools):
            raise InputError(
                "there is nothing to look into: pass files with the question, or make it with tools="
            )
        made: Topics = await self.planner.ainvoke(_named(self.planner, question=question))
        return self._sections(made, question, files, 1)

    def draft(
        self, given: Mapping[str, Any], run: Run, context: Context
    ) -> tuple[Estimate, Sequence[Section]]:
        """For an estimate: as many topics as there may be."""
        question, files = require_text(given, "question", "research"), _files(given)
        if not self.uses_model(context):
            return Estimate(), []
        asked = self.planner.estimate(_named(self.planner, question=question), run, context)
        for _ in range(self._rounds - 1):
            more = self._most * run.limits.answer_tokens
            asked += self.finder.estimate(
                _named(self.finder, question=question, findings=""), run, context, more=more
            )
        count = self._most * self._rounds
        return asked, [self._section("", "", question, files, RESEARCH, str(i)) for i in range(count)]

    def search(self, section: Section) -> dict[str, Any]:
        """Select passages, without a model."""
        files: Any = section.data["files"]
        found = Passages(files).search(section.content, _PASSAGES)
        return {
            "findings": [{"claim": "", "source": p.label, "quote": p.text} for p in found],
            "unsupported": 0,
        }

    async def further(self, gathered: Gathered) -> Sequence[Section]:
        """Look into what is still missing, if there is another round."""
        if gathered.last_round + 1 >= self._rounds or gathered.by(SEARCH_ONLY):
            return []
        question = str(gathered.given["question"])
        shown = _listed(_references(gathered))
        given = _named(self.finder, question=question, findings=f"{_topics(gathered)}\n\n{shown}")
        made: Topics = await self.finder.ainvoke(given)
        return self._sections(made, question, _files(gathered.given), len(gathered.sections) + 1)

    async def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Write the report, and keep the references that it cites."""
        question, found = str(gathered.given["question"]), _references(gathered)
        by_topic: dict[str, list[dict[str, str]]] = {}
        for section, value in gathered.results:
            by_topic.setdefault(section.title, []).extend(_findings(value))
        nothing = [title for title, findings in by_topic.items() if not findings]
        missing = [*gathered.missing, *(f"{title} (nothing found)" for title in nothing)]
        if gathered.by(SEARCH_ONLY) or not found:
            text = "\n\n".join(f"[{one.number}] {one.quote}" for one in found) or "Nothing was found."
            notice = _NOTICE if any(s.worker == SEARCH_ONLY for s in gathered.sections) else ""
        else:
            given = {
                "question": question,
                "findings": _listed(found),
                "missing": ", ".join(missing) or "nothing",
            }
            written = await gathered.attempt(
                "write", lambda _: self.writer.ainvoke(_named(self.writer, **given))
            )
            if written is None:
                return {"research": None, "markdown": None}
            text, notice = _checked(str(written), len(found)), ""
        cited = {number for match in _CITED.finditer(text) for number in _numbers(match[1])}
        used = [one for one in found if one.number in cited]
        claims = {(one.claim, one.source, one.quote) for one in used}
        made = Research(
            question=question,
            text=text,
            references=used,
            topics=list(by_topic),
            missing=missing,
            uncited=[
                title
                for title, findings in by_topic.items()
                if findings and not any((f["claim"], f["source"], f["quote"]) in claims for f in findings)
            ],
            notice=notice,
        )
        return {"research": made, "markdown": research_markdown(made)}

    def _sections(self, made: Topics, question: str, files: Mapping[str, str], first: int) -> list[Section]:
        return [
            self._section(one.title, one.brief, question, files, RESEARCH, str(i))
            for i, one in enumerate(made.topics[: self._most], first)
        ]

    def _section(
        self, title: str, brief: str, question: str, files: Mapping[str, str], worker: str, id: str
    ) -> Section:
        held: dict[str, JsonValue] = dict(files)
        return Section(
            id=id,
            title=title or "topic",
            content=question,
            instructions=brief,
            worker=worker,
            data={"files": held},
        )


def _files(given: Mapping[str, Any]) -> dict[str, str]:
    files = given.get("files") or {}
    if not isinstance(files, Mapping) or not all(isinstance(text, str) for text in files.values()):
        raise InputError("files has to be a mapping of name to text")
    return dict(files)


def _named(ask: Ask, **values: str) -> dict[str, str]:
    return {name: value for name, value in values.items() if name in ask.variables}


def _findings(value: Any) -> list[dict[str, str]]:
    return list(value["findings"])


def _references(gathered: Gathered) -> list[Reference]:
    """All findings, each once, numbered in the order of the topics."""
    every = {
        (one["claim"], one["source"], one["quote"]): None
        for _, value in gathered.results
        for one in _findings(value)
    }
    return [
        Reference(number=i, claim=claim, source=source, quote=quote)
        for i, (claim, source, quote) in enumerate(every, 1)
    ]


def _listed(found: Sequence[Reference]) -> str:
    lines = [f"[{one.number}] {one.claim} ({one.source}: \u201c{one.quote}\u201d)" for one in found]
    return "\n".join(lines) or "Nothing."


def _topics(gathered: Gathered) -> str:
    return "\n".join(f"- {section.title}: {section.instructions}" for section in gathered.sections)


def _checked(text: str, most: int) -> str:
    """The report with each number in brackets of its own, and without those that stand for nothing."""

    def kept(match: re.Match[str]) -> str:
        return "".join(f"[{number}]" for number in _numbers(match[1]) if 1 <= number <= most)

    return _CITED.sub(kept, text)


def _numbers(cited: str) -> list[int]:
    """The numbers of `1, 3-5`."""
    made: list[int] = []
    for part in re.split(r"[,;]", cited):
        ends = [int(number) for number in re.findall(r"\d+", part)]
        made += range(ends[0], min(ends[-1], ends[0] + _RANGE) + 1)
    return made
