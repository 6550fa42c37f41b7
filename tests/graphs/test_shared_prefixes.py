"""Sibling calls of every graph begin alike: what they share is the beginning of their requests."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.tools import tool

import langgraph_parallel
from langgraph_parallel import (
    Ask,
    Check,
    Judge,
    Limits,
    Roster,
    agents,
    create_best_of,
    create_brainstorm,
    create_briefing,
    create_debate,
    create_feedback,
    create_guarded,
    create_labeling,
    create_map_reduce,
    create_market_study,
    create_moderation,
    create_research,
    create_review,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    split,
    synthesize,
)
from langgraph_parallel.graphs.defaults import DEFAULTS
from langgraph_parallel.plan import by_model
from tests.support.server import ModelServer, Reply, Request

LONG = " ".join(f"Sentence {i} of a long text says something of its own." for i in range(1200))
"""More than 10,000 tokens."""
LINES = LONG.replace(". ", ".\n")
ROOM = Limits(section_tokens=100_000)
"""So that a text is not divided."""


@dataclass(frozen=True)
class Case:
    """A run, and which of its calls are siblings."""

    run: Callable[[], Any]
    """Runs the graph."""
    siblings: Sequence[str] = ("",)
    """For each group of siblings words that are in their prompts, and in those of no other call."""
    alone: Sequence[str] = ()
    """Words in prompts of calls that share no data with others."""
    schemas: int = 1
    """How many schemas their answers have, each of which means something; without one counts, too."""
    temperatures: Sequence[float | None] = (None,)
    """That they are asked at."""
    replies: Sequence[tuple[str, Reply]] = ()
    """Answers by words in the prompt."""


def invoked(create: Callable[..., Any], given: Any, **options: Any) -> Callable[[], Any]:
    """Return a function that builds a graph and runs it."""
    return lambda: create(**options).ainvoke(given)


def _vote(choice: str, number: int) -> tuple[str, Reply]:
    answer = {"rationale": f"reason {number}", "choice": choice, "confidence": 1}
    return f"You are voter {number} ", Reply(json=answer)


@tool
async def send(text: str) -> str:
    """Send a text."""
    return text


def _checked_tool() -> Any:
    checked = agents.checked_tool(
        send, input_checks={"first": "names a person", "second": "names a place"}, model="openai:test-model"
    )
    return checked.ainvoke({"text": LONG})


def _sections(topics: Sequence[str]) -> Reply:
    return Reply(json={"sections": [{"title": title, "brief": title, "needs": []} for title in topics]})


TOPICS = Reply(json={"topics": [{"title": title, "brief": f"about {title}"} for title in ("Oslo", "Bergen")]})
IDEAS = [Reply(json={"ideas": [{"title": text, "idea": f"{text} for all"}]}) for text in ("bread", "wine")]
SEARCHES = Reply(json={"calls": [{"tool": "search_files", "input": "Oslo"}], "findings": []})
CASES = {
    "voting": Case(invoked(create_voting, {"question": LONG}, voters=5, stop="all_votes")),
    "voting/wordings": Case(
        invoked(
            create_voting,
            {"question": LONG},
            voters=Roster(4, wordings=["Is it so? {question}", "Decide:\n\n{question}\n\nNow."]),
            stop="all_votes",
        )
    ),
    "voting/judge": Case(
        invoked(
            create_voting, {"question": LONG}, voters=2, on_undecided=Judge("openai:test-model", readings=2)
        ),
        replies=[_vote("yes", 1), _vote("no", 2)],
        schemas=2,
    ),
    "voting/fallback": Case(
        invoked(create_voting, {"question": LONG}, voters=2, on_undecided=Ask.shipped("voting/question")),
        replies=[_vote("yes", 1), _vote("no", 2)],
        schemas=2,
    ),
    "best_of": Case(
        invoked(create_best_of, {"task": LONG}, merge=True),
        replies=[(f"draft {number}.", Reply(text=f"text {number}")) for number in (1, 2, 3)],
        schemas=2,
    ),
    "best_of/refine": Case(
        invoked(
            create_best_of,
            {"task": LONG},
            method="rubric",
            rubric={"short": "few words"},
            refine=True,
            wave=2,
            drafters=4,
        ),
        replies=[(f"draft {number}.", Reply(text=f"text {number}")) for number in (1, 2, 3, 4)],
        schemas=2,
    ),
    "brainstorm": Case(
        invoked(create_brainstorm, {"topic": LONG}, vote=True),
        replies=[("people: the user", IDEAS[0]), ("people: the maker", IDEAS[1])],
        schemas=2,
    ),
    "briefing": Case(
        invoked(create_briefing, {"documents": {"a": LONG, "b": f"Not so. {LONG}"}}, limits=ROOM),
        siblings=[],
        alone=["Read a part of one document", "Write a briefing"],
    ),
    "debate": Case(
        invoked(create_debate, {"question": LONG}, max_rounds=2, choices=["yes", "no"]),
        replies=[
            ("You are participant 1 ", Reply(json={"rationale": "", "choice": "yes", "confidence": 1})),
            ("You are participant 2 ", Reply(json={"rationale": "", "choice": "no", "confidence": 1})),
        ],
    ),
    "feedback": Case(
        invoked(create_feedback, {"texts": [LONG, "Fine."]}, limits=ROOM),
        schemas=4,
    ),
    "guarded": Case(
        invoked(
            create_guarded,
            {"message": LONG},
            checks={"a": "is rude", "b": Check("is spam", voters=3)},
            answer_checks={"c": "is long", "d": "is short"},
        ),
        siblings=['name="message"', 'name="answer"'],
        replies=[
            ("Decide whether", Reply(json={"choice": "clean"})),
            ("Answer the message", Reply(text=f"Well. {LONG}")),
        ],
        schemas=2,
    ),
    "labeling": Case(
        invoked(create_labeling, {"items": ["one", "two"]}, labels=["a", "b"], guidelines=LONG),
    ),
    "labeling/items": Case(
        invoked(create_labeling, {"items": [f"one {LONG}", f"two {LONG}"]}, labels=["a", "b"]),
        siblings=["one Sentence 0", "two Sentence 0"],
    ),
    "map_reduce": Case(
        invoked(create_map_reduce, {"items": [LONG, f"Not so. {LONG}"]}, **DEFAULTS["map_reduce"]()),
        siblings=[],
        alone=["Summarise this section", "Combine several texts"],
    ),
    "market_study": Case(
        invoked(
            create_market_study,
            {"subject": "Bicycles", "regions": ["Norway", "Spain"], "material": {"notes": LONG}},
            forecasters=3,
        ),
        siblings=["Write one section", "Make a forecast"],
        alone=["coherent market study"],
        schemas=2,
    ),
    "moderation": Case(invoked(create_moderation, {"text": LONG}, model="openai:test-model", limits=ROOM)),
    "research": Case(
        invoked(create_research, {"question": LONG, "files": {"a.md": "Oslo is large."}}),
        replies=[("Divide a question", TOPICS), ("Research one topic", SEARCHES)],
        schemas=2,
    ),
    "review": Case(invoked(create_review, {"files": {"a.py": LINES}}, engines=False, limits=ROOM)),
    "scatter_gather": Case(
        invoked(create_scatter_gather, {"request": LONG}, **DEFAULTS["scatter_gather"]()),
        siblings=["Answer the question"],
        temperatures=(0.0, 0.7, 1.0),
        alone=["Write one coherent answer"],
    ),
    "sectioning": Case(
        invoked(
            create_sectioning,
            {"content": LONG},
            planner=by_model(),
            worker=Ask.shipped("sectioning/section"),
            synthesizer=synthesize.by_model(),
        ),
        siblings=['name="content"'],
        alone=["Write one coherent answer"],
        replies=[("Divide the work", _sections(["one", "two"]))],
        schemas=2,
    ),
    "sectioning/split": Case(
        invoked(
            create_sectioning,
            {"content": f"# One\n\n{LONG}\n\n# Two\n\nNot so. {LONG}"},
            **{**DEFAULTS["sectioning"](), "planner": split.by_heading()},
        ),
        siblings=[],
        alone=["Summarise this section", "Write one coherent answer"],
    ),
    "checked_tool": Case(_checked_tool),
}


def text_of(request: Request) -> str:
    """Return all messages of a request as one text, in the order in which a provider reads them."""
    return "".join(f"{message['role']}\n{message['content']}\n" for message in request.body["messages"])


def common_beginning(texts: Sequence[str]) -> str:
    """Return the longest text with which all begin."""
    first, last = min(texts), max(texts)
    differing = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
    return first[: next(differing, min(len(first), len(last)))]


def test_every_graph_has_a_case() -> None:
    """A new graph is added here, or it could share nothing unnoticed."""
    made = {name.removeprefix("create_") for name in langgraph_parallel.__all__ if name.startswith("create_")}
    assert made <= {name.partition("/")[0] for name in CASES}


@pytest.mark.parametrize("name", list(CASES))
async def test_siblings_share_the_beginning_of_their_requests(
    name: str, model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least nine tenths of a prompt are what all siblings begin with, and none has been forgotten."""
    monkeypatch.setenv("LANGGRAPH_PARALLEL_MODEL", model)
    case = CASES[name]
    for words, reply in case.replies:
        server.on(words, reply)
    await case.run()
    groups = [server.asked(words) for words in case.siblings]
    for siblings in groups:
        texts = [text_of(request) for request in siblings]
        assert len(texts) > 1
        common = common_beginning(texts)
        share = len(common) / (sum(map(len, texts)) / len(texts))
        assert share >= 0.9, f"{share:.0%} of {len(texts)} prompts, until {common[-100:]!r}"
    bodies = [request.body for group in groups for request in group]
    assert {body["model"] for body in bodies} <= {"test-model"}
    assert {body.get("temperature") for body in bodies} == (set(case.temperatures) if bodies else set())
    assert len({json.dumps(body.get("response_format")) for body in bodies}) == (
        case.schemas if bodies else 0
    )
    known = [request for words in case.alone for request in server.asked(words)]
    counted = [id(request) for group in [*groups, known] for request in group]
    assert sorted(counted) == sorted(id(request) for request in server.requests)


async def test_comparisons_with_the_same_first_draft_share_it(model: str, server: ModelServer) -> None:
    """Each pair is still judged in both orders, so that half of the drafts is the most that can be shared."""
    drafters: Any = {name: lambda task, name=name: f"{name} {LONG}" for name in "abc"}
    await create_best_of(drafters=drafters, judge_model=model).ainvoke({"task": "Write."})
    assert len(server.requests) == 6
    for name in "abc":
        texts = [text_of(r) for r in server.asked(f'name="first">\n{name} Sentence 0 ')]
        assert len(texts) == 2
        assert len(common_beginning(texts)) > len(LONG)


async def test_forecasts_and_pieces_begin_with_what_all_have(model: str, server: ModelServer) -> None:
    """A question that begins like another one is fenced alike, whatever follows."""
    ask = create_voting(voters=1, model=model)
    for question in ("Is it long?", "Is it true?"):
        await ask.ainvoke({"question": f"{LONG}\n\n{question}"})
    texts = [text_of(request) for request in server.requests]
    assert common_beginning(texts).endswith("\n\nIs it ")
