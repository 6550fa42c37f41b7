"""Large votes: each ballot is read once, and a wave that one superstep does not hold is asked in several."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import Limits, aredrive, create_voting
from langgraph_parallel.completion import min_success
from langgraph_parallel.nodes.vote import nodes
from langgraph_parallel.records import Ballot, Tally
from langgraph_parallel.rules import majority
from tests.support.ids import readable

QUESTION = {"question": "Is it safe?"}
CONFIG: Any = {"recursion_limit": 10_000, "configurable": {"thread_id": "large"}}


@pytest.fixture
def three_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a superstep hold three voters."""
    monkeypatch.setattr(nodes, "AT_ONCE", 3)


def saying(answers: Any, asked: list[str] | None = None) -> dict[str, Any]:
    """Build voters v0, v1 and so on that say so; an exception is raised."""

    def voter(name: str, answer: Any) -> Callable[[Any], Any]:
        async def say(question: Any) -> Any:
            if asked is not None:
                asked.append(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return say

    return {f"v{i}": voter(f"v{i}", answer) for i, answer in enumerate(answers)}


class Reading:
    """Counts how often answers are normalised, and how often a rule looks at a ballot."""

    def __init__(self) -> None:
        self.normalised = self.supported = self.decided = 0

    def normalise(self, answer: Any) -> Any:
        """Return the answer."""
        self.normalised += 1
        return answer

    def rule(self) -> Any:
        """Return a majority that counts."""
        reading = self

        class Counted(majority):
            def supports(self, ballot: Ballot) -> Any:
                reading.supported += 1
                return super().supports(ballot)

            def __call__(self, tally: Tally) -> Any:
                reading.decided += 1
                return super().__call__(tally)

        return Counted()


MIXED = ["a", "b", "a", "c", "b", "a", "b"] * 12


@pytest.mark.parametrize(
    ("wave", "stop", "race"),
    [
        (1, "decided", True),
        ("lossless", "adaptive(0.99)", True),
        ("lossless", "decided", False),
        ("all", "decided", True),
        ("all", "all_votes", True),
        (5, "window(9)", True),
    ],
    ids=readable,
)
async def test_each_ballot_is_read_once(wave: Any, stop: str, race: bool) -> None:
    """Whatever the waves and the stop, and the rule decides once, at the close."""
    reading = Reading()
    graph = create_voting(
        voters=saying(MIXED),
        rule=reading.rule(),
        stop=stop,
        wave=wave,
        race=race,
        ballot={"normalise": reading.normalise},
    )
    out = await graph.ainvoke(QUESTION, CONFIG)
    cast = out["verdict"].cast
    assert cast > 20
    assert (reading.normalised, reading.decided) == (cast, 1)
    assert reading.supported == out["verdict"].asked


async def test_a_fallback_that_hears_all_costs_no_recount() -> None:
    """Whether the vote would end undecided is asked after every ballot, and the rule is not."""
    reading = Reading()
    graph = create_voting(
        voters=saying(["a", "b"] * 30),
        rule=reading.rule(),
        stop="window(1)",
        on_undecided="weighted",
        wave=2,
    )
    out = await graph.ainvoke(QUESTION, CONFIG)
    assert reading.decided <= 2
    assert reading.supported <= 2 * out["verdict"].asked


async def test_a_callers_function_is_called_only_where_its_result_matters() -> None:
    """All are heard under a function, which is asked when they are, for the fallback and at the close."""
    called: list[int] = []

    def first_two(choices: list[Any]) -> Any:
        called.append(len(choices))
        return None

    graph = create_voting(voters=saying([*MIXED, "a"]), rule=first_two, on_undecided="majority", wave=2)
    out = await graph.ainvoke(QUESTION, CONFIG)
    assert out["verdict"].choice == "a"
    assert set(called) == {len(MIXED) + 1}
    assert len(called) <= 3


@pytest.mark.usefixtures("three_at_once")
@pytest.mark.parametrize(
    ("rule", "stop"),
    [
        ("majority", "decided"),
        ("majority", "ahead_by(2)"),
        ("unanimous", "decided"),
        ("threshold(0.4)", "confident(0.8)"),
        ("threshold(0.4)", "all_votes"),
        ("first_valid", "decided"),
    ],
)
@pytest.mark.parametrize("wave", ["lossless", "all", 1, 8], ids=readable)
async def test_the_verdict_does_not_depend_on_how_many_a_superstep_holds(
    rule: str, stop: str, wave: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a race the same voters are heard; and a lossless wave is never cut short."""
    answers = ["a", "b", ValueError("no"), "a", "a", "c", "b", "a", "a", "a", ValueError("no"), "b", "a"]
    for race in {False, wave == "lossless"}:
        graph = create_voting(voters=saying(answers), rule=rule, stop=stop, wave=wave, race=race)
        split = await graph.ainvoke(QUESTION, CONFIG)
        with monkeypatch.context() as patch:
            patch.setattr(nodes, "AT_ONCE", 1_000)
            whole = await graph.ainvoke(QUESTION, CONFIG)
        assert split["verdict"] == whole["verdict"]
        assert split["ballots"] == whole["ballots"]
        assert split["missing"] == whole["missing"]


@pytest.mark.usefixtures("three_at_once")
async def test_a_race_ends_a_wave_that_takes_several_supersteps() -> None:
    """Of ten who are asked at once, six agree first: the two supersteps that follow are not needed."""
    asked: list[str] = []
    graph = create_voting(voters=saying(["a"] * 10, asked), wave="all")
    out = await graph.ainvoke(QUESTION, CONFIG)
    verdict, report = out["verdict"], out["run_report"]
    assert asked == [f"v{i}" for i in range(6)]
    assert (verdict.choice, verdict.cast, verdict.not_asked, verdict.stopped) == ("a", 6, 4, "decided()")
    assert (report.calls_saved, out["missing"]) == (4, [])


@pytest.mark.usefixtures("three_at_once")
async def test_never_more_than_a_superstep_holds_are_at_work() -> None:
    """Nine voters of one wave work three at a time, and are all asked in the end."""
    at_work: list[int] = []
    working = 0

    async def voter(question: Any) -> str:
        nonlocal working
        working += 1
        at_work.append(working)
        await asyncio.sleep(0)
        working -= 1
        return "a"

    voters: Any = {f"v{i}": voter for i in range(9)}
    out = await create_voting(voters=voters, wave="all", stop="all_votes").ainvoke(QUESTION, CONFIG)
    assert (max(at_work), out["verdict"].cast) == (3, 9)


@pytest.mark.usefixtures("three_at_once")
async def test_a_completion_policy_spans_the_whole_wave() -> None:
    """Four successes of ten end it in the second superstep; a failure in each is made up for."""
    answers = [ValueError("no"), "a", "b", ValueError("no"), "c", "d", "e", "f", "g", "h"]
    graph = create_voting(voters=saying(answers), wave="all", stop="all_votes", completion=min_success(4))
    out = await graph.ainvoke(QUESTION, CONFIG)
    assert out["run_report"].branches == {"failed": 2, "ok": 4}
    assert out["verdict"].not_asked == 4
    share = create_voting(voters=saying(answers), wave="all", stop="all_votes", completion=min_success(0.8))
    assert (await share.ainvoke(QUESTION, CONFIG))["verdict"].cast == 8


@pytest.mark.usefixtures("three_at_once")
async def test_a_spent_budget_is_the_cause_of_all_that_are_left() -> None:
    """The voters of later supersteps have records, too, which a redrive asks again."""
    asked: list[str] = []
    graph = create_voting(
        voters=saying(list("abcdefgh"), asked), wave="all", stop="all_votes", limits=Limits(deadline=1e-6)
    )
    out = await graph.ainvoke(QUESTION, CONFIG)
    assert len(out["branches"]) == 8
    assert {branch.ended_by for branch in out["branches"].values()} == {"deadline"}
    assert asked == []


@pytest.mark.usefixtures("three_at_once")
@pytest.mark.parametrize("cut_off", range(8))
async def test_cancelled_anywhere_it_resumes_without_asking_twice(cut_off: int) -> None:
    """A voter that is cut off is asked again, and nobody else; the verdict is that of a whole run."""
    asked: list[str] = []
    begun, hang = asyncio.Event(), True

    def voter(place: int) -> Callable[[Any], Any]:
        async def say(question: Any) -> str:
            asked.append(f"v{place}")
            if place == cut_off and hang:
                begun.set()
                await asyncio.Event().wait()
            return "ab"[place % 2]

        return say

    voters: Any = {f"v{place}": voter(place) for place in range(8)}
    graph = create_voting(voters=voters, wave="all", stop="all_votes", checkpointer=InMemorySaver())
    run = asyncio.ensure_future(graph.ainvoke(QUESTION, CONFIG))
    await begun.wait()
    for _ in range(20):
        await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    hang = False
    out = await graph.ainvoke(None, CONFIG)
    assert sorted(asked) == sorted([*(f"v{place}" for place in range(8)), f"v{cut_off}"])
    assert (out["verdict"].cast, out["verdict"].status) == (8, "tied")


@pytest.mark.usefixtures("three_at_once")
async def test_a_redrive_asks_those_who_failed_in_several_supersteps() -> None:
    """Five of seven failed; asked again they answer, and nobody else is asked."""
    asked: list[str] = []
    answers: list[Any] = [ValueError("no")] * 5 + ["a", "b"]
    voters = saying(answers, asked)
    for place in range(5):
        voters[f"v{place}"] = fails_once(f"v{place}", asked)
    graph = create_voting(voters=voters, wave="all", stop="all_votes", checkpointer=InMemorySaver())
    first = await graph.ainvoke(QUESTION, CONFIG)
    assert (first["verdict"].cast, first["verdict"].failed) == (2, 5)
    asked.clear()
    out = await aredrive(graph, CONFIG)
    assert (asked, out["verdict"].cast, out["verdict"].choice) == ([f"v{i}" for i in range(5)], 7, "a")


def fails_once(name: str, asked: list[str]) -> Callable[[Any], Any]:
    """Build a voter that fails the first time, and then says a."""
    failed = False

    async def say(question: Any) -> str:
        nonlocal failed
        asked.append(name)
        if not failed:
            failed = True
            raise ValueError("not yet")
        return "a"

    return say
