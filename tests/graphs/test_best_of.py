"""Best of n: pairs are judged in both orders, and drafts without a judgement are returned too."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import Roster, aestimate, aredrive, create_best_of, errors
from langgraph_parallel.reducers.joins.pairwise import Comparison, pairings, points
from tests.support.ids import readable
from tests.support.server import ModelServer, Reply, Request

TASK = {"task": "Name the shop."}


def drafters(**texts: str) -> Any:
    """Return drafters that write these texts."""
    return {name: (lambda task, text=text: text) for name, text in texts.items()}


def prefers(server: ModelServer, order: str) -> None:
    """Let the judge prefer the draft that is earlier in `order`, at either position."""

    def is_first_better(request: Request) -> bool:
        if "The first result:" not in request.prompt:
            return False
        first, second = request.prompt.split("The first result:")[1].split("The second result:")
        return rank(first) < rank(second)

    def rank(text: str) -> int:
        return next(i for i, letter in enumerate(order) if f"<{letter}>" in text)

    server.on("The first result:", Reply(json={"reason": "place 2", "better": 2}))
    server.on(is_first_better, Reply(json={"reason": "place 1", "better": 1}))  # the last rule wins


async def test_the_best_draft_wins_at_any_position(model: str, server: ModelServer) -> None:
    """Each pair is judged in both orders; all drafts are returned, the best first."""
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


async def test_a_judge_that_always_prefers_the_first_position_decides_nothing(
    model: str, server: ModelServer
) -> None:
    """Its preference cancels out: all scores are equal, and the earliest draft wins."""
    server.always(Reply(json={"reason": "first", "better": 1}))
    out = await create_best_of(drafters=drafters(a="<a>", b="<b>"), judge_model=model).ainvoke(TASK)
    assert [draft.score for draft in out["drafts"]] == [0.5, 0.5]
    assert out["best"] == "<a>"


async def test_each_model_drafts_with_its_own_approach(model: str, server: ModelServer) -> None:
    """Each prompt has another approach, and the estimate counts all rounds."""
    for number in (1, 2, 3):
        server.on(f"You are the writer of draft {number}.", Reply(text=f"text {number}"))
    server.on("The second result:", Reply(json={"reason": "r", "better": None}))
    graph = create_best_of(model=model)
    out = await graph.ainvoke(TASK)
    prompts = [request.prompt for request in server.asked("Do the task.")]
    assert len({prompt.split("with this approach:")[1].split("The task:")[0] for prompt in prompts}) == 3
    assert (out["best"], len(server.requests)) == ("text 1", 9)
    assert (await aestimate(graph, TASK)).calls == 9


async def test_drafters_with_models_of_their_own_leave_the_model_to_the_judge(
    model: str, server: ModelServer
) -> None:
    """`model` is then not asked for a draft."""
    server.on("You are the writer of draft 1.", Reply(text="one"))
    server.on("You are the writer of draft 2.", Reply(text="two"))
    drafters = Roster(models=["openai:a", "openai:b"])
    await create_best_of(model=model, drafters=drafters).ainvoke(TASK)
    drafted = sorted(request.body["model"] for request in server.asked("You are the writer"))
    assert drafted == ["a", "b"]
    assert {request.body["model"] for request in server.asked("The first result:")} == {"test-model"}


async def test_drafters_with_wordings_of_their_own_need_no_approach(model: str, server: ModelServer) -> None:
    """A wording has the variables that it uses, and no others."""
    server.always(Reply(text="a bridge"))  # equal drafts are not compared
    drafters = Roster(2, wordings=["Write briefly: {task}", "Write at length: {task}"])
    await create_best_of(model=model, drafters=drafters).ainvoke(TASK)
    assert [len(server.asked(text)) for text in ("Write briefly", "Write at length")] == [1, 1]


async def test_approaches_can_be_replaced(model: str, server: ModelServer) -> None:
    """They are dealt out to the drafters."""
    server.on("Do the task.", Reply(text="same"))
    await create_best_of(model=model, approaches=["in verse"], drafters=2).ainvoke(TASK)
    assert len(server.asked("in verse")) == 2


async def test_a_rubric_scores_each_draft_separately(model: str, server: ModelServer) -> None:
    """The score is the mean of the rubric's criteria; each reason names its criterion."""

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


async def test_the_winner_can_be_merged_with_the_other_drafts(model: str, server: ModelServer) -> None:
    """The merge gets the drafts by rank, without the names of the drafters."""
    prefers(server, "ba")
    server.on("Write one result", Reply(text="both"))
    graph = create_best_of(drafters=drafters(a="<a>", b="<b>"), judge_model=model, merge=True)
    out = await graph.ainvoke(TASK)
    assert out["best"] == "both"
    prompt = server.asked("Write one result")[0].prompt
    assert prompt.index("<b>") < prompt.index("<a>")
    assert out["drafts"][0].text == "<b>"


async def test_a_redrive_judges_no_pair_twice(model: str, server: ModelServer) -> None:
    """Only the pairs with the draft that had failed are compared."""
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


async def test_equal_drafts_are_one_and_a_single_draft_is_not_judged(model: str, server: ModelServer) -> None:
    """A draft that failed is not returned."""

    def fails(task: str) -> str:
        raise ValueError("no")

    alike = {**drafters(a="same", b="same"), "c": fails}
    out = await create_best_of(drafters=alike, judge_model=model).ainvoke(TASK)
    assert (out["best"], len(out["drafts"]), server.requests) == ("same", 2, [])


async def test_without_a_judgement_all_drafts_are_returned(model: str, server: ModelServer) -> None:
    """If the judge fails, `best` is None."""
    server.always(Reply(status=401))
    out = await create_best_of(drafters=drafters(a="<a>", b="<b>"), judge_model=model).ainvoke(TASK)
    assert (out["best"], [draft.text for draft in out["drafts"]]) == (None, ["<a>", "<b>"])
    assert len(out["run_report"].failures) == 2


names = st.lists(st.sampled_from("abcde"), unique=True, max_size=5)


@given(names, st.randoms())
def test_points_do_not_depend_on_order_and_add_up(drafts: list[str], chance: Any) -> None:
    """Each comparison adds one point in total, for any answers; a draft without comparisons has share 0."""
    comparisons = [
        Comparison(first, second, chance.choice([1, 2, None])) for first, second in pairings(drafts)
    ]
    shares = points(drafts, comparisons)
    assert points(drafts, reversed(comparisons)) == shares
    assert sum(share * count for share, count in shares.values()) == len(comparisons)
    assert all(share == 0 for share, count in shares.values() if not count)


async def test_too_many_drafts_for_pairs_are_rejected_before_any_call(
    model: str, server: ModelServer
) -> None:
    """The error says what to do instead."""
    with pytest.raises(errors.UsageError, match=r"34 drafts need 1122 comparisons.*method='rubric'"):
        await create_best_of(model=model, drafters=34).ainvoke({"task": "t"})
    assert server.requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "vote"}, "expected 'pairs' or 'rubric'"),
        ({"method": "rubric"}, "method='rubric' needs criteria; pass rubric="),
        ({"rubric": {"a": "b"}}, "method='pairs' takes no rubric"),
        ({"method": "rubric", "rubric": {"a": 1}}, r"rubric\['a'\] is 1; expected a string"),
        ({"drafters": 0}, "drafters is 0"),
        ({"drafters": "3"}, "drafters is '3'"),
        ({"drafters": {"judge/compare": len}}, "names that start with judge/ are reserved"),
        ({"drafters": {}}, "pass at least one"),
        ({"approaches": "abc"}, "approaches is 'abc'; expected a list"),
        ({"approaches": ["a"], "drafters": {"a": len}}, "drafters= names workers"),
        ({"drafters": Roster(1, models=["openai:a", "openai:b"])}, "some would never be used"),
        ({"prompts": {"drft": "x"}}, "best_of has no prompt 'drft'; choose from compare, draft"),
        ({"prompts": {"draft": "{nothing}"}}, "unknown variable"),
        ({"prompts": {"draft": "write"}}, "uses none of its variables"),
    ],
    ids=readable,
)
def test_invalid_arguments_are_rejected(arguments: dict[str, Any], message: str) -> None:
    """The error is raised when the graph is built."""
    with pytest.raises(errors.UsageError, match=message):
        create_best_of(**arguments)


async def test_no_task_is_an_error_before_any_work(model: str) -> None:
    """The error says what to pass."""
    with pytest.raises(errors.InputError, match=r"expected a non-empty text: \{'task'"):
        await create_best_of(model=model).ainvoke({"task": " "})
