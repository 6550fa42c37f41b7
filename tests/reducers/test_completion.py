"""Completion policies: the states that they return, and how graphs act on them."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from langgraph_parallel import Ask, Limits, create_sectioning, create_voting
from langgraph_parallel.completion import deadline, min_success, required, tolerated_failures
from langgraph_parallel.errors import CompletionError, UsageError
from langgraph_parallel.reducers.completion import Completion, Progress, State, as_completion
from tests.support.fans import GIVEN, YES, flat, nested, numbered
from tests.support.server import Gate, ModelServer, Reply

QUICK = Limits(backoff=0, attempts=1)
IDS = "abcdef"
policies = st.recursive(
    st.one_of(
        st.integers(1, 6).map(min_success),
        st.sampled_from([0.1, 0.5, 0.9, 1.0]).map(min_success),
        st.integers(0, 6).map(tolerated_failures),
        st.lists(st.sampled_from(IDS), min_size=1, unique=True).map(lambda ids: required(*ids)),
        st.integers(1, 5).map(deadline),
    ),
    lambda inner: st.tuples(inner, inner, st.booleans()).map(
        lambda parts: parts[0] & parts[1] if parts[2] else parts[0] | parts[1]
    ),
    max_leaves=5,
)
ends = st.permutations(IDS).flatmap(
    lambda order: st.tuples(st.just(order), st.lists(st.booleans(), min_size=6, max_size=6))
)


def steps(ends: tuple[list[str], list[bool]]) -> list[Progress]:
    """Return the progress of a fan-out of six branches, from start to end."""
    ok: set[str] = set()
    failed: set[str] = set()
    seen = [Progress(6)]
    for second, (branch, succeeded) in enumerate(zip(*ends, strict=True), 1):
        (ok if succeeded else failed).add(branch)
        seen.append(Progress(6, frozenset(ok), frozenset(failed), elapsed=second, closed=second == 6))
    return seen


@given(policies, ends)
def test_what_can_never_be_met_stays_so(policy: Completion, ends: Any) -> None:
    """NEVER is final for policies without a deadline, and no policy is OPEN at the end."""
    states = [policy.judge(progress) for progress in steps(ends)]
    if State.NEVER in states and not list(policy.expiries()):
        assert set(states[states.index(State.NEVER) :]) == {State.NEVER}
    assert states[-1] is not State.OPEN


@given(policies, policies, ends)
def test_both_and_either_are_commutative(one: Completion, other: Completion, ends: Any) -> None:
    """The order of the sides of `&` and `|` does not matter."""
    for progress in steps(ends):
        assert (one & other).judge(progress) is (other & one).judge(progress)
        assert (one | other).judge(progress) is (other | one).judge(progress)


@given(policies, ends)
def test_a_policy_joined_with_itself_is_itself(policy: Completion, ends: Any) -> None:
    """`|` is idempotent at every moment."""
    for progress in steps(ends):
        assert (policy | policy).judge(progress) is policy.judge(progress)


@given(policies)
def test_a_policy_is_read_back_from_its_text(policy: Completion) -> None:
    """The text of a policy, as written in a form or on a command line, parses to the same policy."""
    read = as_completion(str(policy))
    assert str(read) == str(policy)


@pytest.mark.parametrize(
    ("policy", "progress", "state"),
    [
        (min_success(2), Progress(3), State.OPEN),
        (min_success(2), Progress(3, ok={"a", "b"}), State.ENOUGH),
        (min_success(2), Progress(3, failed={"a", "b"}), State.NEVER),
        (min_success(0.5), Progress(5, ok={"a", "b"}), State.OPEN),
        (min_success(0.1), Progress(10, ok={"a"}), State.ENOUGH),
        (min_success(2), Progress(3, ok={"a"}, kept=1), State.ENOUGH),
        (tolerated_failures(1), Progress(3, failed={"a"}), State.MET),
        (tolerated_failures(0), Progress(3, failed={"a"}), State.NEVER),
        (tolerated_failures(0.1), Progress(10, failed={"a"}), State.MET),
        (tolerated_failures(0.1), Progress(9, failed={"a"}), State.NEVER),
        (required("a"), Progress(3, ok={"b"}), State.OPEN),
        (required("a"), Progress(3, failed={"a"}), State.NEVER),
        (min_success(1) & required("a"), Progress(3, ok={"b"}), State.OPEN),
        (min_success(1) & required("a"), Progress(3, ok={"a"}), State.ENOUGH),
        (required("a") & tolerated_failures(1), Progress(3, ok={"a"}), State.MET),
        (min_success(3) & deadline(5), Progress(4, ok={"a"}, elapsed=5), State.NEVER),
        (min_success(3) | deadline(5), Progress(4, ok={"a"}, elapsed=5), State.ENOUGH),
        (min_success(3) | deadline(5), Progress(4, ok={"a"}, elapsed=4), State.MET),
        (
            (min_success(1) & deadline(2)) | deadline(9),
            Progress(4, elapsed=3),
            State.MET,
        ),
    ],
)
def test_policies_return_their_state(policy: Completion, progress: Progress, state: State) -> None:
    """Counts, shares, ids and deadlines, alone and joined."""
    assert policy.judge(progress) is state


@pytest.mark.parametrize(
    "text",
    ["foo(1)", "min_success(1", "__import__('os')", "min_success(2) & 3", "min_success(x=1)", "1", "a.b(2)"],
)
def test_a_text_that_is_not_a_policy_is_refused_and_not_evaluated(text: str) -> None:
    """The error lists the policies; nothing in the text is evaluated."""
    with pytest.raises(UsageError, match=r"write min_success, tolerated_failures, required, deadline"):
        as_completion(text)


@pytest.mark.parametrize(
    "text",
    [
        "min_success(0)",
        "min_success(1.5)",
        "min_success(True)",
        "tolerated_failures(-1)",
        "deadline(0)",
        "deadline(True)",
    ],
)
def test_policies_out_of_range_are_refused(text: str) -> None:
    """The error states the expected range, also for policies given as text."""
    with pytest.raises(UsageError, match="is not valid; expected"):
        as_completion(text)


def test_what_is_not_a_policy_is_refused() -> None:
    """`required` needs ids, and a policy is a `Completion` or text."""
    with pytest.raises(UsageError, match=r"required\(\) is not valid; expected one or more branch ids"):
        required()
    with pytest.raises(UsageError, match="7 is not a completion policy"):
        as_completion(7)  # type: ignore[arg-type]


async def opened_at(server: ModelServer, number: int, gate: Gate, graph: Any) -> Any:
    """Run a graph, and open the gate once `number` requests are in flight."""
    running = asyncio.ensure_future(graph.ainvoke(GIVEN))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == number)
    gate.open()
    return await running


async def test_enough_ends_the_fan_out_and_the_connections_of_the_rest(
    model: str, server: ModelServer
) -> None:
    """After two of five answers the other calls are cancelled, and the server sees them disconnect."""
    gate = Gate()
    server.always(Reply(hang=True))
    server.on(lambda r: "Number 1:" in r.prompt or "Number 3:" in r.prompt, Reply(text="yes", gate=gate))
    out = await opened_at(server, 5, gate, flat(5, model, completion=min_success(2)))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0, 1.0)
    assert server.cut_off == 3
    assert out["run_report"].branches == {"cancelled": 3, "ok": 2}
    assert out["run_report"].completion_reason == "min_success(2) was reached"
    assert {b.error for b in out["branches"].values() if not b.ok} == {"not needed any more: min_success(2)"}
    assert {b.ended_by for b in out["branches"].values() if not b.ok} == {"completion"}
    assert sum(call.ok for call in out["run_report"].calls) == 2
    assert len(out["run_report"].calls) == 5


async def test_queued_branches_are_skipped_once_there_is_enough(model: str, server: ModelServer) -> None:
    """A queued branch never starts, and no request is made for it."""
    server.on("Number 0:", Reply(text="yes", gate=(gate := Gate())))
    running = asyncio.ensure_future(
        flat(4, model, completion=min_success(1), limits=Limits(concurrency=1)).ainvoke(GIVEN)
    )
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 1)
    gate.open()
    out = await running
    assert out["run_report"].branches["ok"] == 1
    assert out["run_report"].branches["skipped"] >= 2
    assert len(server.requests) <= 2


async def test_nested_graphs_are_cancelled_as_a_whole(model: str, server: ModelServer) -> None:
    """All calls below a branch that is not needed are closed."""
    gate = Gate()
    server.always(Reply(hang=True))
    server.on("Number 0:", Reply(json=YES, gate=gate))
    out = await opened_at(server, 6, gate, nested(3, 2, model, completion=min_success(1)))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0, 1.0)
    assert (server.cut_off, out["run_report"].branches) == (4, {"cancelled": 2, "ok": 2})
    assert len(out["run_report"].calls) == 6


async def test_too_few_results_are_an_error_that_carries_all_branches(
    model: str, server: ModelServer
) -> None:
    """The error names each failed branch with its cause, and carries the results and the run report."""
    server.on(lambda r: "Number 1:" in r.prompt or "Number 2:" in r.prompt, Reply(status=500))
    graph = flat(4, model, completion=tolerated_failures(1), limits=QUICK)
    with pytest.raises(CompletionError) as raised:
        await graph.ainvoke(GIVEN)
    error = raised.value
    assert "tolerated_failures(1) is not met" in str(error)
    assert "sectioning[1]: 500 from http" in str(error)
    assert "sectioning[2]: 500 from http" in str(error)
    assert set(error.failed) >= {"1", "2"}
    assert error.branches.keys() == {"0", "1", "2", "3"}
    assert all(branch.value == "ok" for branch in error.succeeded.values())
    assert len(error.run_report.calls) == 4


async def test_what_can_never_be_met_ends_early(model: str, server: ModelServer) -> None:
    """Once the required branch failed, the other branches are cancelled."""
    gate = Gate()
    server.always(Reply(hang=True))
    server.on("Number 1:", Reply(status=500, gate=gate))
    with pytest.raises(CompletionError, match=r"required\('1'\) is not met"):
        await opened_at(server, 3, gate, flat(3, model, completion="required('1')", limits=QUICK))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 0, 1.0)
    assert server.cut_off == 2


async def test_a_deadline_of_the_fan_out_keeps_the_results_so_far(model: str, server: ModelServer) -> None:
    """Branches that have not ended are timed_out; under `&`, too few results are an error."""
    await Ask("{text}", model=model).ainvoke("load the SDK")
    server.always(Reply(hang=True))
    server.on("Number 0:", Reply(text="yes"))
    out = await flat(3, model, completion=min_success(3) | deadline(0.3)).ainvoke(GIVEN)
    assert out["run_report"].branches == {"ok": 1, "timed_out": 2}
    assert "not finished in time" in out["run_report"].completion_reason
    with pytest.raises(CompletionError):
        await flat(3, model, completion=min_success(3) & deadline(0.3)).ainvoke(GIVEN)


async def test_a_policy_of_an_inner_graph_is_its_own(model: str, server: ModelServer) -> None:
    """A vote with too few ballots is one failed branch of the outer graph."""
    server.always(Reply(json=YES))
    server.on(lambda r: "Number 1:" in r.prompt and "voter 2" in r.prompt, Reply(status=500))
    vote = create_voting(
        model=model, prompt="{question}", choices=["yes"], voters=2, completion=min_success(2)
    )
    out = await create_sectioning(planner=numbered(2), worker=vote, limits=QUICK).ainvoke(GIVEN)
    assert [branch.status for branch in out["branches"].values()] == ["ok", "failed"]
    assert "CompletionError: min_success(2) is not met" in (out["branches"]["1"].error or "")
    assert out["run_report"].branches == {"cancelled": 0, "ok": 3, "failed": 1} or out[
        "run_report"
    ].branches == {
        "ok": 3,
        "failed": 1,
    }
    assert len(out["run_report"].calls) == 4


async def test_a_policy_can_be_set_for_one_run(
    model: str, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The context overrides the factory, which overrides the environment."""
    server.on("Number 0:", Reply(status=500))
    monkeypatch.setenv("LANGGRAPH_PARALLEL_COMPLETION", "tolerated_failures(0)")
    with pytest.raises(CompletionError):
        await flat(2, model, limits=QUICK).ainvoke(GIVEN)
    graph = flat(2, model, limits=QUICK, completion="tolerated_failures(1)")
    assert (await graph.ainvoke(GIVEN))["run_report"].branches == {"failed": 1, "ok": 1}
    with pytest.raises(CompletionError):
        await graph.ainvoke(GIVEN, context={"completion": "min_success(2)"})
    with pytest.raises(UsageError, match="is not a completion policy"):
        await graph.ainvoke(GIVEN, context={"completion": "most"})


async def test_a_policy_that_no_plan_can_meet_is_an_error_before_any_call(
    model: str, server: ModelServer
) -> None:
    """An unknown branch, or more branches than are planned."""
    with pytest.raises(UsageError, match="requires unknown branches: 9; choose from those planned: 0, 1"):
        await flat(2, model, completion=required("9")).ainvoke(GIVEN)
    with pytest.raises(UsageError, match="can never be met by 2 branches"):
        await flat(2, model, completion=min_success(3)).ainvoke(GIVEN)
    assert server.requests == []
