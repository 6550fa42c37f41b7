"""Trees of reductions: each waits for its own group, and works with the results that there are."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt

from langgraph_parallel import (
    Ask,
    aestimate,
    aredrive,
    create_map_reduce,
    create_voting,
    drain,
    errors,
)
from langgraph_parallel.completion import min_success
from langgraph_parallel.graphs.flow import flow_graph
from langgraph_parallel.graphs.map_reduce import MapReduceInput, MapReduceOutput
from langgraph_parallel.nodes.catalogue.map_reduce import MAP, REDUCE, MapReduceSteps, Reducing, map_input
from langgraph_parallel.nodes.flow.spec import Flow
from langgraph_parallel.nodes.work.workers import Workers, as_worker
from langgraph_parallel.reducers.joins.tree import groups
from langgraph_parallel.rules import majority
from tests.support.clock import Clock, until
from tests.support.server import ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "tree"}}
Out = Mapping[str, Any]


class Work:
    """A map-reduce in pairs, whose items and reductions end when a test lets them.

    Args:
        holds: items, and results of reductions, that wait to be let go.
        fails: those that fail.
        options: of the graph.
    """

    def __init__(self, *holds: str, fails: Sequence[str] = (), **options: Any) -> None:
        self.begun: list[str] = []
        self.fails = list(fails)
        self._go = {name: asyncio.Event() for name in holds}
        self._began: dict[str, asyncio.Event] = {}
        self.graph = create_map_reduce(worker=self.work, synthesizer=self.join, **{"fan_in": 2, **options})

    async def work(self, name: str) -> str:
        """Work on an item, or on a reduction, by the name of its result."""
        self.begun.append(name)
        self._began.setdefault(name, asyncio.Event()).set()
        if name in self._go:
            await self._go[name].wait()
        if name in self.fails:
            raise ValueError(f"{name} broke")
        return name

    async def join(self, results: Any) -> str:
        """Join results in parentheses."""
        return await self.work("(" + "+".join(results) + ")")

    def start(self, items: str, config: Any = None) -> "asyncio.Future[Out]":
        """Start a run on items of one letter each."""
        return asyncio.ensure_future(self.graph.ainvoke({"items": list(items)}, config))

    def let_go(self, *names: str) -> None:
        """Let items or reductions end."""
        for name in names:
            self._go[name].set()

    async def has_begun(self, name: str) -> None:
        """Wait until an item or a reduction has begun."""
        await asyncio.wait_for(self._began.setdefault(name, asyncio.Event()).wait(), 20)


def statuses(out: Out) -> dict[str, str]:
    """Return how the reductions ended."""
    return {id: branch.status for id, branch in out["branches"].items() if id.startswith("reduce")}


async def ended(run: "asyncio.Future[Out]") -> Out:
    """Return the output of a run, which must not hang."""
    return await asyncio.wait_for(run, 20)


async def test_a_reduction_starts_when_its_own_group_has_ended() -> None:
    """While d is worked on, a and b are reduced, and e to h up to the second level; the root waits for d."""
    work = Work("d")
    run = work.start("abcdefgh")
    await work.has_begun("(a+b)")
    await work.has_begun("((e+f)+(g+h))")
    assert "(c+d)" not in work.begun
    work.let_go("d")
    out = await ended(run)
    assert (out["result"], out["missing"]) == ("(((a+b)+(c+d))+((e+f)+(g+h)))", [])
    assert [section.round for section in out["sections"]] == [0] * 8 + [1] * 4 + [2] * 2 + [3]
    assert [branch.order for branch in out["branches"].values()] == list(range(15))
    names = {branch.name for id, branch in out["branches"].items() if id.startswith("reduce")}
    assert "map_reduce[reduce 1.1]" in names
    assert len(out["run_report"].calls) == 15
    assert (await aestimate(work.graph, {"items": list("abcdefgh")})).calls == 0


async def test_sizes_of_results_keep_the_wave() -> None:
    """With a limit of tokens the groups follow from all results, so that none is reduced before."""
    work = Work("d", max_tokens=1000)
    run = work.start("abcd")
    await work.has_begun("d")
    # The items before it have long ended when this answers, as other requests to the event loop do.
    for _ in range(100):
        await asyncio.sleep(0)
    assert sorted(work.begun) == ["a", "b", "c", "d"]
    work.let_go("d")
    assert (await ended(run))["result"] == "((a+b)+(c+d))"


async def test_a_failed_item_is_missing_from_its_reduction() -> None:
    """The other one of its group goes up alone, without a call; nothing of it is started while b runs."""
    work = Work("b", fails="b")
    run = work.start("abcdef")
    await work.has_begun("(c+d)")
    work.let_go("b")
    out = await ended(run)
    assert (out["result"], out["missing"]) == ("(a+((c+d)+(e+f)))", ["item 2"])
    assert statuses(out) == dict.fromkeys(
        ["reduce/1/1", "reduce/1/2", "reduce/1/3", "reduce/2/1", "reduce/3/1"], "ok"
    )
    assert "(a)" not in work.begun
    assert len(out["run_report"].calls) == 6 + 4
    assert out["run_report"].failures == {"map_reduce[item 2]": "ValueError: b broke"}


async def test_a_group_of_failed_items_is_skipped_with_the_cause() -> None:
    """What is above it works without it; without any result there is none, and all are missing."""
    work = Work(fails="ab")
    out = await ended(work.start("abcd"))
    assert (out["result"], out["missing"]) == ("(c+d)", ["item 1", "item 2"])
    skipped = out["branches"]["reduce/1/1"]
    assert (skipped.status, skipped.error) == ("skipped", "none of 2 results is there: ValueError: a broke")
    work = Work(fails=["a", "b", "c", "d"])
    out = await ended(work.start("abcd"))
    assert (out["result"], out["run_report"].status) == (None, "failed")
    assert out["missing"] == ["item 1", "item 2", "item 3", "item 4"]
    assert set(statuses(out).values()) == {"skipped"}
    assert out["branches"]["reduce/2/1"].error == "none of 2 results is there: ValueError: a broke"
    work = Work(fails=["(a+b)", "(c+d)"])
    out = await ended(work.start("abcd"))
    assert (out["result"], out["missing"]) == (None, ["item 1", "item 2", "item 3", "item 4"])
    assert out["branches"]["reduce/2/1"].error == "none of 2 results is there: ValueError: (a+b) broke"


async def test_a_redrive_reduces_again_what_stands_above() -> None:
    """An ok reduction of what was there is made anew; others are kept, and the report has all calls."""
    work = Work(fails="b", checkpointer=InMemorySaver(), fan_in=3)
    out = await ended(work.start("abcdefghi", CONFIG))
    assert out["result"] == "((a+c)+(d+e+f)+(g+h+i))"
    work.begun.clear()
    work.fails.clear()
    out = await aredrive(work.graph, CONFIG)
    assert (out["result"], out["missing"]) == ("((a+b+c)+(d+e+f)+(g+h+i))", [])
    assert work.begun == ["b", "(a+b+c)", "((a+b+c)+(d+e+f)+(g+h+i))"]
    assert len(out["run_report"].calls) == 9 + 4 + 3
    assert out["run_report"].branches == {"ok": 13}


async def test_a_redrive_pays_for_no_reduction_of_the_same_results() -> None:
    """The item fails again, so that the reductions above it, that of a single result included, stay."""
    work = Work(fails="bf", checkpointer=InMemorySaver(), fan_in=3)
    first = await ended(work.start("abcdefgh", CONFIG))
    assert (first["result"], first["missing"]) == ("(a+(c+d+e)+(g+h))", ["item 2", "item 6"])
    for _ in range(2):
        work.begun.clear()
        out = await aredrive(work.graph, CONFIG)
        assert (out["result"], out["missing"]) == (first["result"], first["missing"])
        assert sorted(work.begun) == ["b", "f"]
        assert statuses(out) == statuses(first)
    work.fails.clear()
    out = await aredrive(work.graph, CONFIG)
    assert (out["result"], out["missing"]) == ("((a+b)+(c+d+e)+(f+g+h))", [])


async def test_a_failed_reduction_is_made_again_by_a_redrive() -> None:
    """The root that lacked it is made again as well; nothing else is."""
    work = Work(fails=["(c+d)"], checkpointer=InMemorySaver())
    assert (await ended(work.start("abcdef", CONFIG)))["missing"] == ["item 3", "item 4"]
    work.fails.clear()
    work.begun.clear()
    out = await aredrive(work.graph, CONFIG)
    assert (out["result"], out["missing"]) == ("((a+b)+((c+d)+(e+f)))", [])
    assert work.begun == ["(c+d)", "((c+d)+(e+f))", "((a+b)+((c+d)+(e+f)))"]
    assert out["branches"]["reduce/1/2"].attempt == 2


async def test_a_redrive_in_chunks_reduces_what_is_there_in_the_end() -> None:
    """With two at once, no reduction takes an item for failed that is still to be worked on again."""
    work = Work(fails="abcd", checkpointer=InMemorySaver(), limits={"max_sections": 2})
    assert (await ended(work.start("abcde", CONFIG)))["result"] == "e"
    work.fails.clear()
    out = await asyncio.wait_for(aredrive(work.graph, CONFIG), 20)
    assert (out["result"], out["missing"]) == ("(a+((b+c)+(d+e)))", [])


@pytest.mark.parametrize("bounded", [{"max_concurrency": 1}, {"max_concurrency": 3}, {}])
@pytest.mark.parametrize("most", [1, 3, 1000])
async def test_chunks_and_bounded_tasks_end_with_the_same_result(bounded: Any, most: int) -> None:
    """No reduction is sent to wait where that would hold the place of what it waits for."""
    work = Work(fails=["b", "e", "f"], limits={"max_sections": most})
    out = await ended(work.start("abcdefgh", bounded))
    assert (out["result"], out["missing"]) == ("((a+(c+d))+(g+h))", ["item 2", "item 5", "item 6"])


async def test_chunks_reduce_what_is_there_before_they_go_on() -> None:
    """Of more items than are sent at once, the first ones are reduced beside the next ones."""
    work = Work("d", limits={"max_sections": 2})
    run = work.start("abcd")
    await work.has_begun("(a+b)")
    work.let_go("d")
    assert (await ended(run))["result"] == "((a+b)+(c+d))"


async def test_a_person_is_asked_beside_reductions() -> None:
    """What does not need the item is reduced before the answer, the rest after it; nothing runs twice."""
    begun: list[str] = []

    def work(item: str) -> Any:
        begun.append(item)
        return interrupt("sure?") if item == "a" else item

    def join(results: Any) -> str:
        begun.append("+".join(results))
        return begun[-1]

    graph = create_map_reduce(worker=work, synthesizer=join, fan_in=2, checkpointer=InMemorySaver())
    out = await asyncio.wait_for(graph.ainvoke({"items": list("abcd")}, CONFIG), 20)
    assert [asked.value for asked in out["__interrupt__"]] == ["sure?"]
    assert sorted(begun) == ["a", "b", "c", "c+d", "d"]
    out = await asyncio.wait_for(graph.ainvoke(Command(resume="yes"), CONFIG), 20)
    assert out["result"] == "yes+b+c+d"
    assert sorted(begun) == ["a", "a", "b", "c", "c+d", "d", "yes+b", "yes+b+c+d"]


async def test_an_undecided_vote_puts_off_only_what_needs_it() -> None:
    """The other group is reduced before the person answers; nobody votes, and nothing is reduced, twice."""
    begun: list[str] = []

    def voter(name: str) -> Any:
        def vote(question: str) -> str:
            begun.append(question)
            return "no" if question.endswith("a") and name == "one" else "yes"

        return vote

    def join(results: Any) -> Any:
        begun.append("+".join(r if isinstance(r, str) else r["verdict"]["choice"] for r in results))
        return begun[-1]

    vote = create_voting(
        voters={"one": voter("one"), "two": voter("two")},
        rule=majority(ties="none"),
        on_undecided="escalate",
        stop="all_votes",
    )
    graph = create_map_reduce(worker=vote, synthesizer=join, fan_in=2, checkpointer=InMemorySaver())
    out = await asyncio.wait_for(graph.ainvoke({"items": list("abcd")}, CONFIG), 20)
    assert len(out["__interrupt__"]) == 1
    assert Counter(begun) == {"a": 2, "b": 2, "c": 2, "d": 2, "yes+yes": 1}
    edit = {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": "no"}}}
    out = await asyncio.wait_for(graph.ainvoke(Command(resume={"decisions": [edit]}), CONFIG), 20)
    assert (out["result"], out["missing"]) == ("no+yes+yes+yes", [])
    assert Counter(begun)["yes+yes"] == 1
    assert len(begun) == 8 + 3


async def test_the_completion_policy_ends_items_and_no_reduction() -> None:
    """Four are enough while the reduction of two of them runs: it goes on, and has what was there."""
    work = Work("d", "e", "f", "(a+b)", completion=min_success(4))
    run = work.start("abcdef")
    await work.has_begun("(a+b)")
    work.let_go("d")
    await work.has_begun("(c+d)")
    work.let_go("(a+b)")
    out = await ended(run)
    assert {id: branch.status for id, branch in out["branches"].items() if branch.ended_by} == {
        "5": "cancelled",
        "6": "cancelled",
        "reduce/1/3": "skipped",
    }
    assert (out["result"], out["missing"]) == ("((a+b)+(c+d))", ["item 5", "item 6"])
    assert out["run_report"].completion_reason == "min_success(4) was reached"


async def test_too_few_results_fail_the_run_as_before() -> None:
    """Reductions count neither as successes nor as failures of the policy."""
    work = Work(fails="ab", completion=min_success(3))
    with pytest.raises(errors.CompletionError, match="is not met: 2 of 4 branches succeeded") as failed:
        await ended(work.start("abcd"))
    assert [branch.value for branch in failed.value.succeeded.values()][:2] == ["c", "d"]
    assert "reduce/2/1" not in failed.value.branches
    assert "reduce 1.1" not in str(failed.value)
    with pytest.raises(errors.UsageError, match="can never be met by 3 branches"):
        await ended(Work(completion=min_success(4)).start("abc"))


async def test_a_drained_run_has_no_result_until_a_redrive() -> None:
    """What the drain has ended is not left out of the result silently; what was reduced is kept."""
    work = Work("d", checkpointer=InMemorySaver())
    run = work.start("abcd", CONFIG)
    await work.has_begun("(a+b)")
    drain("enough", grace=0)
    out = await ended(run)
    assert (out["result"], out["run_report"].status) == (None, "partial")
    assert out["missing"] == ["item 1", "item 2", "item 3", "item 4"]
    by = {id: (branch.status, branch.ended_by) for id, branch in out["branches"].items() if branch.ended_by}
    assert by == dict.fromkeys(("reduce/1/2", "reduce/2/1"), ("skipped", "drain")) | {
        "4": ("cancelled", "drain")
    }
    work.let_go("d")
    work.begun.clear()
    out = await aredrive(work.graph, CONFIG)
    assert (out["result"], out["missing"]) == ("((a+b)+(c+d))", [])
    assert work.begun == ["d", "(c+d)", "((a+b)+(c+d))"]


async def test_a_spent_budget_leaves_no_item_out_silently(model: str, server: ModelServer) -> None:
    """The fourth call is refused: what lacks it is not reduced, so that there is no result, as in a drain."""
    server.always(Reply(text="ok"))
    work = Work()
    graph = create_map_reduce(
        worker=Ask("{content}", model=model),
        synthesizer=work.join,
        fan_in=2,
        limits={"budget_calls": 3, "concurrency": 1},
    )
    out = await asyncio.wait_for(graph.ainvoke({"items": list("abcd")}), 20)
    assert (out["result"], out["run_report"].status) == (None, "partial")
    assert work.begun == ["(ok+ok)"]
    ended_by = {id: branch.ended_by for id, branch in out["branches"].items() if not branch.ok}
    assert ended_by == {"4": "budget", "reduce/1/2": "budget", "reduce/2/1": "budget"}


async def test_nothing_is_reduced_after_the_deadline(clock: Clock) -> None:
    """A single result is not taken for that of all, though joining it would cost nothing."""
    work = Work("b", "c", "d", limits={"deadline": 500})
    run = work.start("abcd")
    await until(lambda: len(work.begun) == 4)
    clock.advance(500)
    out = await ended(run)
    assert (out["result"], out["run_report"].status) == (None, "partial")
    assert {branch.ended_by for branch in out["branches"].values() if not branch.ok} == {"deadline"}
    assert not [name for name in work.begun if "+" in name]


async def test_a_cancelled_run_leaves_no_reduction_waiting() -> None:
    """The cancellation reaches reductions that wait for items."""
    work = Work("a")
    run = work.start("abcd")
    await work.has_begun("(c+d)")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ended(run)


async def is_stored(graph: Any, id: str) -> None:
    """Wait until the record of a section is in the checkpointer, which is written in the background."""
    while True:
        results = [task.result or {} for task in (await graph.aget_state(CONFIG)).tasks]
        if any(id in (result.get("branches") or {}) for result in results):
            return
        await asyncio.sleep(0)


@pytest.mark.parametrize("policy", [None, min_success(5)])
async def test_a_run_that_died_goes_on_with_what_had_not_ended(policy: Any) -> None:
    """Items and reductions that had ended are not run again, and the policy counts the items alone."""
    saver = InMemorySaver()
    work = Work("d", fails="a", checkpointer=saver, completion=policy)
    run = work.start("abcdef", CONFIG)
    await work.has_begun("(e+f)")
    await asyncio.wait_for(is_stored(work.graph, "reduce/1/3"), 20)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    again = Work(checkpointer=saver, completion=policy)
    out = await asyncio.wait_for(again.graph.ainvoke(None, CONFIG), 20)
    assert (out["result"], out["missing"]) == ("(b+((c+d)+(e+f)))", ["item 1"])
    assert again.begun == ["d", "(c+d)", "((c+d)+(e+f))", "(b+((c+d)+(e+f)))"]


async def test_a_reduction_that_is_resumed_first_hides_no_item_from_the_policy() -> None:
    """One item of its chunk had ended: with the next one there are five, so that f is not needed."""
    options: Any = {
        "completion": min_success(5),
        "limits": {"max_sections": 3},
        "checkpointer": InMemorySaver(),
    }
    work = Work("(a+b)", "e", **options)
    run = work.start("abcdef", CONFIG)
    await work.has_begun("(a+b)")
    await asyncio.wait_for(is_stored(work.graph, "4"), 20)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    again = Work(**options)
    out = await asyncio.wait_for(again.graph.ainvoke(None, CONFIG), 20)
    assert (out["result"], out["missing"]) == ("((a+b)+((c+d)+e))", ["item 6"])
    assert "f" not in again.begun


async def test_a_tree_in_a_branch_is_resumed_at_its_own_items() -> None:
    """A redrive of the enclosing graph works on the failed item and on what stands above it."""
    work, tree = Work(fails="b"), MapReduceSteps(2)
    mapping = as_worker(work.work, "sectioning/section", offers=None)
    inner = flow_graph(
        Flow(
            name="letters",
            kind="letters",
            input=MapReduceInput,
            output=MapReduceOutput,
            plan=tree.plan,
            workers=Workers({MAP: mapping, REDUCE: Reducing(work.join)}, foreign_input=map_input),
            joins=[REDUCE],
            close=tree.close,
            from_text=lambda title, text: {"items": list(text)},
        )
    )
    outer = create_map_reduce(worker=inner, synthesizer=len, checkpointer=InMemorySaver())
    out = await asyncio.wait_for(outer.ainvoke({"items": ["abcd"]}, CONFIG), 20)
    assert out["result"]["result"] == "(a+(c+d))"
    work.fails.clear()
    work.begun.clear()
    out = await asyncio.wait_for(aredrive(outer, CONFIG), 20)
    assert out["result"]["result"] == "((a+b)+(c+d))"
    assert work.begun == ["b", "(a+b)", "((a+b)+(c+d))"]
    assert out["run_report"].failures == {}


class Node(NamedTuple):
    """A result of a tree, None if all of it failed; the items that it waits for, and what was reduced."""

    result: str | None
    items: frozenset[str]
    reduced: bool = False


def levels(names: Sequence[str], fan_in: int, fails: Set[str] = frozenset()) -> list[list[Node]]:
    """Return the items, of which some fail, and the levels of the tree over them."""
    level = [Node(None if name in fails else name, frozenset([name])) for name in names]
    found = [level]
    while len(level) > 1:
        level = [join(level[part.start : part.stop]) for part in groups([1] * len(level), fan_in)]
        found.append(level)
    return found


def join(group: Sequence[Node]) -> Node:
    """Return the results of a group in parentheses; a single one alone."""
    there = [node.result for node in group if node.result is not None]
    items = frozenset[str]().union(*(node.items for node in group))
    if len(there) < 2:
        return Node(there[0] if there else None, items)
    return Node("(" + "+".join(there) + ")", items, reduced=True)


def root(tree: list[list[Node]]) -> str | None:
    """Return the result of a tree."""
    return tree[-1][0].result if tree[-1] else None


@settings(max_examples=30)
@given(st.integers(1, 9), st.integers(2, 4), st.data())
async def test_any_tree_waits_for_its_own_items_alone(count: int, fan_in: int, data: st.DataObject) -> None:
    """All that does not need an item is reduced before it ends; a redrive works on what has changed alone."""
    names = list("abcdefghi"[:count])
    fails, last = data.draw(st.sets(st.sampled_from(names))), data.draw(st.sampled_from(names))
    work = Work(last, fails=sorted(fails), fan_in=fan_in, checkpointer=InMemorySaver())
    tree = levels(names, fan_in, fails)
    run = work.start("".join(names), CONFIG)
    reduced = [node for level in tree for node in level if node.reduced]
    for node in reduced:
        if last not in node.items:
            await work.has_begun(str(node.result))
    await work.has_begun(last)
    assert not {node.result for node in reduced if last in node.items} & set(work.begun)
    work.let_go(last)
    out = await ended(run)
    assert out["result"] == root(tree)
    assert out["missing"] == [f"item {i}" for i, name in enumerate(names, 1) if name in fails]
    assert Counter(work.begun) == Counter([*names, *(node.result for node in reduced)])
    work.fails.clear()
    work.begun.clear()
    out = await asyncio.wait_for(aredrive(work.graph, CONFIG), 20)
    whole = levels(names, fan_in)
    assert (out["result"], out["missing"]) == (root(whole), [])
    again = [node.result for level in whole for node in level if node.reduced and node.items & fails]
    assert Counter(work.begun) == Counter([*fails, *again])
