"""The graphs whose costs are compared, each with inputs of realistic sizes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.billing.texts import code, prose
from benchmarks.billing.tokens import tokenize
from langgraph_parallel import (
    Ask,
    Limits,
    Section,
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
)

ASPECTS = ["correctness", "documentation", "performance", "security", "style", "tests"]
LABELS = ["complaint", "praise", "question", "order", "other"]


@dataclass(frozen=True)
class Case:
    """One graph, and its input."""

    build: Callable[[str, Limits], Any]
    """From the name of a model, and limits."""
    given: Mapping[str, Any]
    shared: int = 0
    """Tokens of what all its calls have in common; 0 if not all have something in common."""
    target: float | None = None
    """Most that the prompts may cost, in parts of their full price; None if there is no target."""


def vote(tokens: int, voters: int = 9) -> Case:
    """Return a vote on a question about a document of this many tokens, which hears all voters."""
    question = f"{prose(tokens)}\n\nWould the harbour office agree with this? Answer yes or no."
    return Case(
        lambda model, limits: create_voting(
            model=model, voters=voters, stop="all_votes", choices=["yes", "no"], limits=limits
        ),
        {"question": question},
        len(tokenize(question)),
    )


def review(tokens: int, aspects: int = 6, voters: int = 3) -> Case:
    """Return a review of code of this many tokens, by a vote for each aspect."""
    text = code(tokens)
    return Case(
        lambda model, limits: create_review(
            model=model, aspects=ASPECTS[:aspects], voters=voters, engines=False, limits=limits
        ),
        {"files": {"rows.py": text}},
        len(tokenize(text)),
    )


def _sections(content: str) -> list[Section]:
    topics = ("money", "safety", "time", "people", "law", "weather")
    return [Section(id=topic, title=topic, content=content) for topic in topics]


def _sectioning(model: str, limits: Limits) -> Any:
    prompt = "What does {content} say about {title}? Answer in a few sentences."
    return create_sectioning(
        planner=_sections, worker=Ask(prompt, model=model, shared=["content"]), limits=limits
    )


def _map_reduce(model: str, limits: Limits) -> Any:
    worker = Ask("Say in one sentence what this is about:\n\n{content}", model=model)
    return create_map_reduce(
        worker=worker, synthesizer=Ask("Make one text of these:\n\n{results}", model=model), limits=limits
    )


def _scatter_gather(model: str, limits: Limits) -> Any:
    questions = ("What is asked for?", "By when is it wanted?", "What may it cost?", "What is unclear?")
    sources = {
        question: Ask(f"{{question}}\n\n{question}", model=model, shared=["question"])
        for question in questions
    }
    return create_scatter_gather(sources=sources, limits=limits)


def catalogue() -> dict[str, Case]:
    """Return a case for each graph of the catalogue."""
    text, files = prose(3000), {f"{number}.md": prose(1500, number) for number in range(8)}
    posts = {str(number): prose(80, 100 + number) for number in range(40)}
    few = dict(list(posts.items())[:24])
    yes_no = ["yes", "no"]
    return {
        "sectioning": Case(_sectioning, {"content": text}),
        "map_reduce": Case(_map_reduce, {"items": list(files.values())}),
        "briefing": Case(
            lambda model, limits: create_briefing(model=model, limits=limits),
            {"documents": files},  # each is read by one call: its siblings have nothing in common
        ),
        "best_of": Case(
            lambda model, limits: create_best_of(model=model, drafters=4, limits=limits),
            {"task": f"Write a summary of these minutes.\n\n{text}"},
            target=0.5,
        ),
        "labeling": Case(
            lambda model, limits: create_labeling(
                labels=LABELS, guidelines=prose(2500, 7), model=model, limits=limits
            ),
            {"items": few},
            target=0.5,
        ),
        "moderation": Case(
            lambda model, limits: create_moderation(model=model, limits=limits), {"text": text}, target=0.5
        ),
        "debate": Case(
            lambda model, limits: create_debate(model=model, choices=yes_no, debaters=5, limits=limits),
            {"question": f"{text}\n\nShould the bridge close?"},
            target=0.5,
        ),
        "brainstorm": Case(
            lambda model, limits: create_brainstorm(model=model, vote=True, limits=limits),
            {"topic": f"What to do about this:\n\n{text}"},
        ),
        "research": Case(
            lambda model, limits: create_research(model=model, limits=limits),
            {"question": "What was said about the bridge?", "files": files},
        ),
        "market_study": Case(
            lambda model, limits: create_market_study(model=model, limits=limits),
            {"subject": "Cargo boats", "regions": ["Norway", "Spain"], "material": files},
        ),
        "guarded": Case(
            lambda model, limits: create_guarded(
                model=model,
                checks={"threats": "No threats.", "secrets": "No passwords or keys."},
                answer_checks={"tone": "It is polite."},
                limits=limits,
            ),
            {"message": f"What do you make of this?\n\n{text}"},
        ),
        "feedback": Case(lambda model, limits: create_feedback(model=model, limits=limits), {"texts": posts}),
        "scatter_gather": Case(_scatter_gather, {"request": text}),
        "voting": vote(3000, 5),
        "review": review(4000, 4),
    }
