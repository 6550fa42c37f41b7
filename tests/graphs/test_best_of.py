"""Best of n: the judge is asked in both orders, and what it cannot judge is not lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import aestimate, aredrive, create_best_of, errors
from langgraph_parallel.reducers.joins.pairwise import Comparison, pairings, points
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply, Request

TASK = {"task": "Name the shop."}


def drafters(**texts: str) -> Any:
    """Workers that say these."""
    return {name: (lambda task, text=text: text) for name, text in texts.items()}


def prefers(server: ModelServer, order: str) -> None:
    """A judge that prefers whichever comes first in `order`, wherever it stands."""

    def shown(request: Request) -> tuple[str, str]:
        said = request.prompt.split("The first result:")[1]
        first, second = said.split("The second result:")
        return next(c for c in order if f"<{c}>" in first), next(c for c in order if f"<{c}>" in second)

    def better(request: Request, place: int) -> bool:
        if "The first result:" not in request.prompt:
            return False
        first, second = shown(request)
        return (order.index(first) < order.index(second)) == (place == 1)

    def first(request: Request) -> bool:
        return better(request, 1)

    server.on("The first result:", Reply(json={"reason": "place 2", "better": 2}))
    server.on(first, Reply(json={"reason": "place 1", "better": 1}))  # later rules go before earlier ones


async def test_the_best_draft_wins_whatever_its_place(model: str, server: ModelServer) -> None:
    """Each pair is read in both orders; all drafts come back, the best first."""
    prefers(server, "bca")
    graph = create_best_of(drafters=drafters(a="<a>", b="<b>", c="<c>"), judge_model=model)
    out = await graph.ainvoke(TASK)
    assert out["best"] == "<b>"
    assert [(draft.id, draft.score, draft.judged) for draft in out["drafts"]] == [
        ("b", 1.0, 4),
        ("c", 0.5, 4),
        ("a", 0.0, 4),
    ]
    assert sorted(out["reasons"]) == ["place 1", "place 2"]
    assert len(server.requests) == 6


async def test_a_judge_that_always_takes_the_first_place_decides_nothing(
    model: str, server: ModelServer
) -> None:
    """Its preference cancels out: all have the same points, and the earliest stands."""
    server.always(Reply(json={"reason": "first", "better": 1}))
    out = await create_best_of(drafters=drafters(a="<a>", b="<b>"), judge_model=model).ainvoke(TASK)
    assert [draft.score for draft in out["drafts"]] == [0.5, 0.5]
    assert out["best"] == "<a>"


async def test_models_draft_in_ways_of_their_own(model: str, server: ModelServer) -> None:
    """Every prompt has another approach, the task as data, and the estimate counts all rounds."""
    for number in (1, 2, 3):
        server.on(f"You are the writer of draft {number}.", Reply(text=f"text {number}"))
    server.on("The second result:", Reply(json={"reason": "r", "better": None}))
    graph = create_best_of(model=model)
    out = await graph.ainvoke(TASK)
    prompts = [request.prompt for request in server.asked("Do the task.")]
    assert len({prompt.split("with this approach:")[1].split("The task:")[0] for prompt in prompts}) == 3
    assert (out["best"], len(server.requests)) == ("text 1", 9)
    assert (await aestimate(graph, TASK)).calls == 9


async def test_approaches_may_be_ones_own(model: str, server: ModelServer) -> None:
    """Dealt out over the drafts."""
    server.on("Do the task.", Reply(text="same"))
    await create_best_of(model=model, approaches=["in verse"], drafters=2).ainvoke(TASK)
    assert len(server.asked("in verse")) == 2


async def test_a_rubric_scores_each_by_itself(model: str, server: ModelServer) -> None:
    """The mean of the criteria that are known; the reasons say what for."""

    def scored(short: float, clear: float) -> Reply:
        scores = [
            {"criterion": "short", "reason": "s", "score": short},
            {"criterion": "clear", "reason": "c", "score": clear},
            {"criterion": "made up", "reason": "m", "score": 10},
        ]
        return Reply(json={"scores": scores})

    server.on("<a>", scored(2, 4))
    server.on("<b>", scored(9, 8))
    graph = create_best_of(
        drafters=drafters(a="<a>", b="<b>"),
        judge_model=model,
        method="rubric",
        rubric={"short": "few words", "clear": "no doubt"},
    )
    out = await graph.ainvoke(TASK)
    assert (out["best"], out["drafts"][0].score, out["drafts"][1].score) == ("<b>", 8.5, 3.0)
    assert out["reasons"] == ["short 9: s", "clear 8: c"]
    assert "- short: few words" in server.requests[0].prompt


async def test_the_winner_may_take_in_what_is_better_in_others(model: str, server: ModelServer) -> None:
    """The merge sees the drafts by rank, without their authors."""
    prefers(server, "ba")
    server.on("Write one result", Reply(text="both"))
    graph = create_best_of(drafters=drafters(a="<a>", b="<b>"), judge_model=model, merge=True)
    out = await graph.ainvoke(TASK)
    assert out["best"] == "both"
    prompt = server.asked("Write one result")[0].prompt
    assert prompt.index("<b>") < prompt.index("<a>")
    assert out["drafts"][0].text == "<b>"


async def test_a_redrive_judges_no_pair_twice(model: str, server: ModelServer) -> None:
    """The draft that had failed is compared; the others have been compared already."""
    prefers(server, "dabc")
    broken = True

    def late(task: str) -> str:
        if broken:
            raise ValueError("not yet")
        return "<d>"

    config: Any = {"configurable": {"thread_id": "1"}}
    makers = {"d": late, **drafters(a="<a>", b="<b>", c="<c>")}
    graph = create_best_of(drafters=makers, judge_model=model, checkpointer=InMemorySaver())
    out = await graph.ainvoke(TASK, config)
    assert (out["best"], len(server.requests)) == ("<a>", 6)
    assert (await aredrive(graph, config))["best"] == "<a>"
    assert len(server.requests) == 6
    broken = False
    out = await aredrive(graph, config)
    assert (out["best"], len(server.requests)) == ("<d>", 12)
    assert len([call for call in out["run_report"].calls if call.kind == "model"]) == 12


async def test_equal_drafts_are_judged_once_and_one_needs_no_judge(model: str, server: ModelServer) -> None:
    """A draft that failed is not among them."""

    def fails(task: str) -> str:
        raise ValueError("no")

    alike = {**drafters(a="same", b="same"), "c": fails}
    out = await create_best_of(drafters=alike, judge_model=model).ainvoke(TASK)
    assert (out["best"], len(out["drafts"]), server.requests) == ("same", 2, [])


async def test_without_a_judgement_all_drafts_come_back(model: str, server: ModelServer) -> None:
    """A judge that is down chooses none."""
    server.always(Reply(status=401))
    out = await create_best_of(drafters=drafters(a="<a>", b="<b>"), judge_model=model).ainvoke(TASK)
    assert (out["best"], [draft.text for draft in out["drafts"]]) == (None, ["<a>", "<b>"])
    assert len(out["run_report"].failures) == 2


names = st.lists(st.sampled_from("abcde"), unique=True, max_size=5)


@given(names, st.randoms())
def test_points_do_not_depend_on_order_and_add_up(held: list[str], chance: Any) -> None:
    """Half of all places are won, whatever the judge says; a pair without a reading counts for nobody."""
    read = [Comparison(one, other, chance.choice([1, 2, None])) for one, other in pairings(held)]
    made = points(held, read)
    assert points(held, reversed(read)) == made
    assert sum(share * met for share, met in made.values()) == len(read)
    assert all(share == 0 for share, met in made.values() if not met)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "vote"}, "choose pairs or rubric"),
        ({"method": "rubric"}, "go together"),
        ({"rubric": {"a": "b"}}, "go together"),
        ({"method": "rubric", "rubric": {"a": 1}}, "both texts"),
        ({"drafts": 0}, "drafts is 0"),
        ({"drafters": {"judge/compare": len}}, "names that begin with judge/ are taken"),
        ({"drafters": {}}, "pass at least one"),
        ({"model": "openai:a", "models": ["openai:b"]}, "not both"),
        ({"models": ["openai:a", "openai:b"], "drafts": 1}, "some would never be asked"),
        ({"prompts": {"drft": "x"}}, "best_of has no prompt 'drft'; it has compare, draft"),
        ({"prompts": {"draft": "{nothing}"}}, "unknown variable"),
        ({"prompts": {"draft": "write"}}, "uses none of its variables"),
    ],
    ids=readable,
)
def test_wrong_arguments_are_refused(arguments: dict[str, Any], message: str) -> None:
    """When the graph is made."""
    with pytest.raises(errors.UsageError, match=message):
        create_best_of(**arguments)


async def test_no_task_is_an_error_before_any_work(model: str) -> None:
    """It says what to pass."""
    with pytest.raises(errors.InputError, match=r"pass \{'task'"):
        await create_best_of(model=model).ainvoke({"task": " "})
