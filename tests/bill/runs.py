"""Random runs: graphs, their inputs, limits, and how a server bills, answers and fails."""

import random
from dataclasses import dataclass, replace
from typing import Any

from langchain_openai import ChatOpenAI

from benchmarks.billing.profile import FREE, SURCHARGE, Profile
from benchmarks.billing.texts import code, prose
from langgraph_parallel import (
    Ask,
    Limits,
    Section,
    create_best_of,
    create_brainstorm,
    create_briefing,
    create_debate,
    create_guarded,
    create_labeling,
    create_moderation,
    create_review,
    create_sectioning,
    create_voting,
    governed,
)


@dataclass(frozen=True)
class Spec:
    """A random run."""

    graph: Any
    given: dict[str, Any]
    profile: Profile


def limits_at(profile: Profile, **options: Any) -> Limits:
    """Return limits with the prices of a server."""
    price = float(profile.price_input)
    prices: dict[str, Any] = {
        "price_input": price,
        "price_output": float(profile.price_output),
        "price_cache_read": price * float(profile.read_rate),
        "price_cache_write": price * float(profile.write_rate),
        "backoff": 0.001,
        "section_tokens": 20_000,
    }
    return Limits(**prices | options)


def random_profile(draw: random.Random) -> Profile:
    """Draw how a server bills, answers and fails."""
    base = draw.choice(
        [FREE, SURCHARGE, replace(SURCHARGE, tells_writes="litellm"), replace(FREE, overflow=3)]
    )
    failing = draw.choice([0.0, 0.0, 0.1])
    return replace(
        base,
        first_seconds=0.002,
        prefill=1e6,
        answer_seconds=0.002,
        slow_share=draw.choice([0.0, 0.1]),
        failing=failing,
        batch_failing=failing,
        batch_seconds=0.02,
        batch_lost=draw.choice([0.0, 0.1]),
        throttling=draw.choice([0.0, 0.0, 0.1]),
        samples=draw.choice(["yes", "yes", "refused", "fewer", "copies"]),
        takes_cache_key=draw.random() < 0.8,
        reasoning=draw.choice([0, 17]),
        disagreement=draw.choice([0.0, 0.4]),
        seed=draw.randrange(10**6),
    )


def random_limits(draw: random.Random, profile: Profile, lane: str, **options: Any) -> Limits:
    """Draw how a run sends its calls."""
    return limits_at(
        profile,
        lane=lane,
        leader=draw.choice(["auto", "on", "off"]),
        samples=draw.choice(["auto", "auto", "off"]),
        hedge=draw.choice(["off", "off", 0.01]),
        hedge_share=0.5,
        concurrency=draw.choice([3, 64]),
        **options,
    )


@dataclass(frozen=True)
class Making:
    """What a random graph is made of."""

    draw: random.Random
    model: str
    options: dict[str, Any]
    """Options of every graph, such as limits."""
    http: Any
    """The HTTP client of chat models that workers ask by themselves."""

    @property
    def size(self) -> int:
        """Tokens of a text: short, just long enough for a cache, long."""
        return self.draw.choice([100, 1100, 2500])

    @property
    def text(self) -> str:
        """A text."""
        return prose(self.size, self.draw.randrange(99))

    @property
    def common(self) -> dict[str, Any]:
        """Options of every graph that asks a model."""
        return {"model": self.model, **self.options}

    @property
    def chat(self) -> ChatOpenAI:
        """A chat model of the caller's own."""
        return ChatOpenAI(
            model=self.model.removeprefix("openai:"), max_retries=0, http_async_client=self.http
        )


def _voting(making: Making) -> tuple[Any, dict[str, Any]]:
    draw = making.draw
    graph = create_voting(
        voters=draw.randint(2, 9),
        choices=["yes", "no"],
        stop=draw.choice(["all_votes", "decided"]),
        wave=draw.choice(["lossless", "all", 2]),
        **making.common,
    )
    return graph, {"question": f"{making.text}\n\nYes or no?"}


def _review(making: Making) -> tuple[Any, dict[str, Any]]:
    aspects = making.draw.sample(["correctness", "performance", "security", "style"], 2)
    voters = making.draw.randint(1, 3)
    graph = create_review(aspects=aspects, voters=voters, engines=False, **making.common)
    return graph, {"files": {"rows.py": code(making.size, making.draw.randrange(99))}}


def _labeling(making: Making) -> tuple[Any, dict[str, Any]]:
    graph = create_labeling(labels=["fee", "bridge", "other"], guidelines=making.text, **making.common)
    return graph, {"items": [prose(40, number) for number in range(making.draw.randint(1, 5))]}


def _sectioning(making: Making) -> tuple[Any, dict[str, Any]]:
    topics = [f"topic {number}" for number in range(making.draw.randint(1, 6))]

    def plan(content: str) -> list[Section]:
        return [Section(id=topic, title=topic, content=content) for topic in topics]

    prompt = "What does {content} say of {title}?"
    workers: list[Any] = [Ask(prompt, model=making.model, shared=["content"])]
    workers += [_asking(governed(making.chat)), _asking(making.chat)]
    graph = create_sectioning(planner=plan, worker=making.draw.choice(workers), **making.options)
    return graph, {"content": making.text}


def _asking(chat: Any) -> Any:
    """Return a worker that asks a chat model by itself."""

    async def work(section: Section) -> str:
        answer = await chat.ainvoke(f"{section.content}\n\nWhat does this say of {section.title}?")
        return str(answer.text)

    return work


def _debate(making: Making) -> tuple[Any, dict[str, Any]]:
    debaters = making.draw.randint(2, 4)
    graph = create_debate(choices=["yes", "no"], debaters=debaters, max_rounds=2, **making.common)
    return graph, {"question": f"{making.text}\n\nYes or no?"}


def _best_of(making: Making) -> tuple[Any, dict[str, Any]]:
    method: Any = making.draw.choice(["pairs", "rubric"])
    rubric = {"clear": "It is clear."} if method == "rubric" else None
    graph = create_best_of(drafters=3, method=method, rubric=rubric, **making.common)
    return graph, {"task": f"Sum this up.\n\n{making.text}"}


def _guarded(making: Making) -> tuple[Any, dict[str, Any]]:
    checks = {"threats": "No threats.", "secrets": "No passwords."}
    stream = making.draw.random() < 0.5
    graph = create_guarded(checks=checks, stream=stream, **making.common)
    return graph, {"message": making.text}


def _briefing(making: Making) -> tuple[Any, dict[str, Any]]:
    documents = {f"{number}.md": prose(making.size, number) for number in range(3)}
    return create_briefing(**making.common), {"documents": documents}


def _brainstorm(making: Making) -> tuple[Any, dict[str, Any]]:
    return create_brainstorm(proposers=3, vote=True, **making.common), {"topic": making.text}


def _moderation(making: Making) -> tuple[Any, dict[str, Any]]:
    return create_moderation(**making.common), {"text": making.text}


GRAPHS = [
    _voting,
    _voting,
    _voting,
    _voting,
    _review,
    _labeling,
    _sectioning,
    _sectioning,
    _debate,
    _best_of,
    _moderation,
    _guarded,
    _briefing,
    _brainstorm,
]


def random_run(seed: int, http: Any, *, cache: Any = None, **limits: Any) -> Spec:
    """Draw a run.

    Args:
        seed: of all that is random.
        http: client of chat models.
        cache: of answers; None for none.
        limits: beside those that are drawn.
    """
    draw = random.Random(seed)
    lane = draw.choice(["live", "live", "live", "batch"])
    profile = random_profile(draw)
    options: dict[str, Any] = {"limits": random_limits(draw, profile, lane, **limits)}
    model = f"openai:priced-{seed}"
    if draw.random() < 0.15:
        profile, model = replace(profile, down="down"), f"openai:down-{seed}"
        options["fallbacks"] = [f"openai:priced-{seed}"]
    if cache is not None:
        options["cache"] = cache
    graph, given = draw.choice(GRAPHS)(Making(draw, model, options, http))
    return Spec(graph, given, profile)
