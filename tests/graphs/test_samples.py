"""Voters who are asked the same share one request: who does, what it costs, and what becomes of failures."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.callbacks import AsyncCallbackHandler
from langgraph.checkpoint.memory import InMemorySaver

from langgraph_parallel import (
    Ask,
    Limits,
    Roster,
    aredrive,
    create_labeling,
    create_voting,
    drain,
)
from langgraph_parallel.nodes.vote.panel import answer_schema
from langgraph_parallel.records import Savings, Usage
from langgraph_parallel.runtime.budget import Amount, Budget
from langgraph_parallel.runtime.limiter_registry import reset_limits
from langgraph_parallel.runtime.run import current_run
from tests.support.clock import Clock, until
from tests.support.pool import LONG, Pool, ballot
from tests.support.server import Gate, Reply
from tests.support.traces import traces

QUICK = Limits(attempts=2, backoff=0)
CONFIG: Any = {"configurable": {"thread_id": "vote"}}
Serve = Callable[..., Pool]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Start a server whose answers are a list; the environment points to it."""
    with ExitStack() as stack:

        def start(*choices: str | None) -> Pool:
            reset_limits()
            server = stack.enter_context(Pool(choices))
            monkeypatch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
            monkeypatch.setenv("OPENAI_BASE_URL", server.url)
            return server

        yield start


def voting(voters: int | Roster, **options: Any) -> Any:
    """A vote of models that all answer the same question."""
    options = {"choices": ["yes", "no"], "stop": "all_votes", "limits": QUICK, **options}
    model = None if isinstance(voters, Roster) and voters.models else "openai:test-model"
    return create_voting(model=model, voters=voters, **options)


async def test_nine_voters_are_one_request_whose_prompt_is_billed_once(serve: Serve) -> None:
    """Each has a ballot and a call of its own; the tokens of the calls add up to those of the request."""
    server = serve(*["yes"] * 5, *["no"] * 4)
    limits = Limits(price_input=1, price_output=2, attempts=1)
    out = await voting(9, limits=limits).ainvoke(LONG)
    assert server.sizes == [9]
    assert "You are voter" not in server.requests[0].prompt
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("yes", "5/9")
    assert len({b.rationale for b in out["ballots"]}) == 9
    report = out["run_report"]
    assert report.usage == Usage(input_tokens=10, output_tokens=45)
    assert report.usd == pytest.approx((10 + 2 * 45) / 1e6)
    assert {(call.samples, call.ok, call.attempt) for call in report.calls} == {(9, True, 1)}
    assert len({call.id for call in report.calls}) == 9
    assert sum(call.usage.input_tokens > 0 for call in report.calls) == 1
    saved = [call.saved for call in report.calls if call.saved is not None]
    assert saved == [Savings(samples=10 / 1e6)] * 8
    assert (report.retries, report.wasted) == (0, Usage())


async def test_nine_voters_over_ten_thousand_tokens_bill_no_more_than_one_prompt(serve: Serve) -> None:
    """By the server's log: with all nine asked, one prompt and a fifth at most."""
    question = {"question": "word " * 10_000}
    alone = serve("yes")
    await voting(1).ainvoke(question)
    server = serve(*["yes", "no"] * 4, "yes")
    await voting(9).ainvoke(question)
    assert server.billed <= 1.2 * alone.billed


@pytest.mark.parametrize("choices", [["yes"] * 9, ["yes", "no"] * 4 + ["yes"]], ids=["agreed", "split"])
async def test_waves_are_requests_and_who_is_needed_later_asks_later(
    serve: Serve, choices: list[str]
) -> None:
    """A first wave of five is one request; nobody is asked in vain for the sake of sharing."""
    server = serve(*choices)
    out = await voting(9, stop="decided").ainvoke(LONG)
    alike = len(set(choices)) == 1
    assert server.sizes == ([5] if alike else [5, 2, 1, 1])
    assert out["verdict"].not_asked == (4 if alike else 0)
    # Who is alone is told its number, as ever.
    assert all("You are voter" in r.prompt for r in server.requests if "n" not in r.body)


@settings(max_examples=10)
@given(
    st.lists(st.sampled_from(["yes", "no", None]), min_size=2, max_size=9), st.sampled_from(["lossless", 3])
)
def test_ballots_stops_and_verdicts_are_those_of_single_requests(
    choices: list[str | None], wave: int | str
) -> None:
    """Whoever is asked, and whatever comes of it, is the same with and without samples."""

    def run(samples: str) -> Any:
        reset_limits()
        with Pool(choices) as server, pytest.MonkeyPatch.context() as patch:
            patch.setenv("OPENAI_API_KEY", "sk-test-not-a-real-key")
            patch.setenv("OPENAI_BASE_URL", server.url)
            # One at a time: answers of single requests come in the order of the voters, as those of one do.
            limits = Limits(attempts=1, samples=samples, concurrency=1)
            graph = voting(len(choices), stop="decided", wave=wave, race=wave == "lossless", limits=limits)
            out = asyncio.run(graph.ainvoke(LONG))
            return out, sum(server.sizes), len(server.sizes)

    together, asked, requests = run("auto")
    alone, asked_alone, _ = run("off")
    assert together["verdict"] == alone["verdict"]
    assert [(b.voter, b.choice) for b in together["ballots"]] == [
        (b.voter, b.choice) for b in alone["ballots"]
    ]
    assert asked == asked_alone
    assert requests < asked or asked < 3


async def test_nobody_shares_in_a_race(serve: Serve) -> None:
    """Where a stop cuts off voters that run, each has a request of its own, whose connection is closed."""
    server = serve(*["yes"] * 5)
    gate = Gate(opens_at=5)  # else the vote may be decided before the last request has arrived
    server.always(Reply(gate=gate))
    server.on("You are voter 5 ", Reply(hang=True, gate=gate))
    out = await voting(5, stop="decided", wave="all").ainvoke(LONG)
    assert server.sizes == [1] * 5
    assert out["ballots"][4].status == "cancelled"


@pytest.mark.parametrize(
    ("limits", "given"),
    [
        (Limits(samples="off"), LONG),
        (Limits(hedge=30.0), LONG),
        (Limits(), {"question": "Is it safe?"}),
    ],
    ids=["off", "hedged", "short"],
)
async def test_who_has_a_request_of_its_own(serve: Serve, limits: Limits, given: Any) -> None:
    """Samples are switched off, a call may be hedged, or its prompt is too short to be worth it."""
    server = serve("yes", "no", "yes")
    await voting(3, limits=limits).ainvoke(given)
    assert server.sizes == [1, 1, 1]
    assert all("You are voter" in request.prompt for request in server.requests)


async def test_short_prompts_share_on_request(serve: Serve) -> None:
    """`samples="on"` shares prompts of any length."""
    server = serve("yes", "no", "yes")
    await voting(3, limits=Limits(samples="on")).ainvoke({"question": "Is it safe?"})
    assert server.sizes == [3]


async def test_only_who_is_asked_the_same_shares(serve: Serve) -> None:
    """Two temperatures and two wordings are four prompts; temperature 0 would give copies."""
    server = serve(*["yes"] * 8)
    wordings = ["Look: {question}", "See: {question}"]
    await voting(Roster(8, wordings=wordings, temperatures=[0.2, 0.2, 0.9, 0.9])).ainvoke(LONG)
    assert sorted(server.sizes) == [2, 2, 2, 2]
    server = serve(*["yes"] * 3)
    await voting(Roster(3, temperatures=[0.0])).ainvoke(LONG)
    assert server.sizes == [1, 1, 1]


REFUSALS = {
    "by name": (400, {"error": {"message": "n must be 1 when using greedy sampling, got 3.", "param": "n"}}),
    "in words": (400, {"error": {"code": 400, "message": "Only one completion choice is allowed"}}),
    "of a gateway": (
        400,
        {
            "error": {
                "message": "UnsupportedParamsError: does not support parameters: {'n': 3}",
                "code": "400",
            }
        },
    ),
    "without a reason": (422, {"detail": "Unprocessable Entity"}),
    "no words at all": (400, {}),
}


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal_is_found_out_once(serve: Serve, refusal: tuple[int, Any]) -> None:
    """All voters ask by themselves then, in this vote and in the next; the report says so."""
    server = serve(*["yes"] * 6)
    server.refuse(Reply(status=refusal[0], body=refusal[1]))
    graph = voting(3, limits=Limits(attempts=1, budget_calls=4))
    first, second = await graph.ainvoke(LONG), await graph.ainvoke(LONG)
    assert server.sizes == [3, 1, 1, 1, 1, 1, 1]
    assert str(first["verdict"].support) == str(second["verdict"].support) == "3/3"
    assert "refuses several samples" in " ".join(second["run_report"].remarks)
    assert len(first["run_report"].calls) == 4  # the refused request, and one of each voter


async def test_what_is_wrong_with_any_request_is_no_refusal_of_samples(serve: Serve) -> None:
    """A 400 that does not go away says nothing of samples: the next vote asks for them again."""
    server = serve(*["yes"] * 3)
    broken = True
    server.on(lambda _: broken, Reply(status=400, body={"error": {"message": "no"}}))
    graph = voting(3, limits=Limits(attempts=1))
    out = await graph.ainvoke(LONG)
    assert out["run_report"].branches == {"failed": 3}
    broken, before = False, len(server.sizes)
    await graph.ainvoke(LONG)
    assert server.sizes[before:] == [3]


async def test_another_parameter_that_is_refused_is_left_out_of_the_same_request(serve: Serve) -> None:
    """A schema that the server does not know is no reason to ask one by one."""
    server = serve(*["yes"] * 3)
    server.on(
        lambda request: request.body.get("response_format", {}).get("type") == "json_schema",
        Reply(status=400, body={"error": {"message": "response_format json_schema is not supported"}}),
    )
    out = await voting(3).ainvoke(LONG)
    assert server.sizes == [3, 3]
    assert str(out["verdict"].support) == "3/3"


async def test_fewer_samples_are_used_and_the_others_ask_by_themselves(serve: Serve) -> None:
    """A server that ignores `n` answers one; the next vote asks for none."""
    server = serve(*["yes"] * 6)
    server.refuse(Reply(samples=[ballot("no", 9)]))
    graph = voting(3, limits=Limits(attempts=1, budget_calls=3))
    out = await graph.ainvoke(LONG)
    assert sorted(b.choice for b in out["ballots"]) == ["no", "yes", "yes"]
    await graph.ainvoke(LONG)
    assert server.sizes == [3, 1, 1, 1, 1, 1]
    assert "one sample" in " ".join(out["run_report"].remarks)


async def test_a_server_that_gives_some_is_asked_for_as_many(serve: Serve) -> None:
    """Two of four samples come: the next four voters are two requests."""
    server = serve(*["yes"] * 10)
    server.on(lambda r: r.body.get("n") == 4, Reply(samples=[ballot("no", 20), ballot("no", 21)]))
    graph = voting(4)
    await graph.ainvoke(LONG)
    await graph.ainvoke(LONG)
    assert server.sizes == [4, 1, 1, 2, 2]


async def test_more_choices_than_voters_and_equal_indices_do_no_harm(serve: Serve) -> None:
    """Choices are taken in their order, whatever their index; what is over is left."""
    server = serve("yes")
    choices = [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"content": f'{{"rationale": "{i}", "choice": "yes"}}'},
        }
        for i in range(5)
    ]
    body = {"choices": choices, "usage": {"prompt_tokens": 8, "completion_tokens": 11, "total_tokens": 19}}
    server.refuse(Reply(body=body))
    out = await voting(3).ainvoke(LONG)
    assert [b.rationale for b in out["ballots"]] == ["0", "1", "2"]
    assert out["run_report"].usage == Usage(input_tokens=8, output_tokens=11)
    assert server.sizes == [3]


async def test_each_choice_is_an_answer_of_its_own(serve: Serve) -> None:
    """One that is invalid is repaired, one that is empty is asked again, one is withheld, one is an error."""
    server = serve("yes", "yes", "yes", "yes")
    said: Sequence[Any] = [
        (None, "stop"),
        ({"content": ballot_text("yes")}, "stop"),
        ({"content": '{"rationale": "r", "choice": "perhaps"}'}, "stop"),
        ({"content": ""}, "stop"),
        ({"content": ""}, "content_filter"),
        (None, "error"),
    ]
    choices = [{"index": i, "message": m, "finish_reason": why} for i, (m, why) in enumerate(said)]
    server.refuse(Reply(body={"choices": choices, "usage": None}))
    out = await voting(6).ainvoke(LONG)
    assert server.sizes == [6, 1, 1, 1, 1]
    assert [b.status for b in out["ballots"]] == ["cast", "cast", "cast", "failed", "cast", "cast"]


def ballot_text(choice: str) -> str:
    """The text of an answer."""
    return f'{{"rationale": "for reasons that are all my own", "choice": "{choice}", "confidence": null}}'


async def test_copies_are_not_votes(serve: Serve) -> None:
    """One of them counts; the others are asked with their numbers, and from then on everybody is."""
    server = serve("no", "no", "no", "no", "no")
    server.refuse(Reply(samples=[ballot("yes", 1)] * 3))
    graph = voting(3)
    out = await graph.ainvoke(LONG)
    assert sorted(b.choice for b in out["ballots"]) == ["no", "no", "yes"]
    assert "copies of one" in " ".join(out["run_report"].remarks)
    await graph.ainvoke(LONG)
    assert server.sizes == [3, 1, 1, 1, 1, 1]


async def test_a_failure_is_that_of_all_ballots_and_a_retry_is_one_request(serve: Serve) -> None:
    """Once it has answered with samples, a server that fails is asked again for all of them at once."""
    server = serve(*["yes"] * 6)
    graph = voting(3, limits=Limits(attempts=2, backoff=0, rest_after=0))
    await graph.ainvoke(LONG)
    server.on(lambda _: True, Reply(status=500), times=1)
    out = await graph.ainvoke(LONG)
    assert server.sizes == [3, 3, 3]
    assert (str(out["verdict"].support), out["run_report"].retries) == ("3/3", 3)
    server.always(Reply(status=500))
    out = await graph.ainvoke(LONG)
    assert server.sizes[3:] == [3, 3]
    assert [b.status for b in out["ballots"]] == ["failed"] * 3
    assert all("500" in str(b.error) for b in out["ballots"])


async def test_a_server_that_breaks_on_samples_is_asked_without(serve: Serve) -> None:
    """While nothing is known of it, a failure of the first request fails no voter."""
    server = serve(*["yes"] * 9)
    server.refuse(Reply(status=500, body={"error": {"message": "index out of range"}}))
    graph = voting(3, limits=Limits(attempts=1))
    for _ in range(3):
        assert str((await graph.ainvoke(LONG))["verdict"].support) == "3/3"
    assert server.sizes == [3, 1, 1, 1, 3, 1, 1, 1, 1, 1, 1]


TOO_MUCH = {
    "not sold": (402, "Insufficient credits for this request", 1),
    "not in the plan": (403, "several answers need a higher tier", 1),
    "no such method": (405, "Method Not Allowed", 1),
    "rate": (429, "Request too large: Limit 30,000 tokens per minute, Requested 51,234", 3),
}


@pytest.mark.parametrize(("status", "message", "later"), TOO_MUCH.values(), ids=TOO_MUCH)
async def test_what_is_refused_for_several_alone_is_asked_for_one_by_one(
    serve: Serve, status: int, message: str, later: int
) -> None:
    """At once, and the endpoint is given up for nobody; the next vote knows, if it was no matter of size."""
    server = serve(*["yes"] * 6)
    server.refuse(Reply(status=status, headers={"retry-after": "60"}, body={"error": {"message": message}}))
    graph = voting(3, limits=Limits(attempts=1, patience=1))
    for _ in range(2):
        assert str((await graph.ainvoke(LONG))["verdict"].support) == "3/3"
    assert server.sizes == [3, 1, 1, 1, *([3] if later == 3 else []), 1, 1, 1]


async def test_an_account_that_is_refused_whatever_is_asked_is_given_up(serve: Serve) -> None:
    """After a single request for one sample, as if several had not been asked for."""
    server = serve("yes")
    server.on(lambda _: True, Reply(status=402, body={"error": {"message": "Insufficient credits"}}))
    out = await voting(5, limits=Limits(concurrency=1)).ainvoke(LONG)
    assert server.sizes == [5, 1]
    assert "Insufficient credits" in str(out["ballots"][0].error)


async def test_one_answer_with_too_few_samples_is_chance(serve: Serve) -> None:
    """Once several came, the next vote asks for them all again."""
    server = serve(*["yes"] * 12)
    graph = voting(3)
    await graph.ainvoke(LONG)
    server.on(lambda r: r.body.get("n") == 3, Reply(samples=[ballot("no", 9)]), times=1)
    for _ in range(2):
        await graph.ainvoke(LONG)
    assert server.sizes == [3, 3, 1, 1, 3]


async def test_a_server_that_answers_several_samples_too_late_is_asked_without(
    serve: Serve, clock: Clock
) -> None:
    """While nothing is known of it, a time-out of the first request fails no voter."""
    server = serve(*["yes"] * 3)
    server.refuse(Reply(hang=True))
    running = asyncio.ensure_future(voting(3, limits=Limits(attempts=1, call_timeout=300)).ainvoke(LONG))
    await until(lambda: server.hanging == 1)
    clock.advance(300)
    out = await running
    assert server.sizes == [3, 1, 1, 1]
    assert str(out["verdict"].support) == "3/3"


async def test_a_run_that_is_drained_gets_what_is_in_flight(serve: Serve) -> None:
    """The voters of a request that has been sent have the grace to be answered."""
    gate = Gate()
    server = serve(*["yes"] * 3)
    server.refuse(Reply(gate=gate))
    running = asyncio.ensure_future(voting(3).ainvoke(LONG))
    await asyncio.to_thread(server.wait, lambda s: s.in_flight == 1)
    drain()
    gate.open()
    out = await running
    assert [b.status for b in out["ballots"]] == ["cast"] * 3


async def test_a_handler_that_stops_calls_fails_the_voters_and_leaves_no_run_open(serve: Serve) -> None:
    """It is told of the first two, and refuses the second."""
    server = serve(*["yes"] * 3)
    begun, ended = list[Any](), list[Any]()

    class Strict(AsyncCallbackHandler):
        raise_error = True

        async def on_chat_model_start(self, *args: Any, run_id: Any, **kwargs: Any) -> None:
            begun.append(run_id)
            if len(begun) == 2:
                raise PermissionError("one is enough")

        async def on_llm_error(self, error: BaseException, *, run_id: Any, **kwargs: Any) -> None:
            ended.append(run_id)

    out = await voting(3, limits=Limits(attempts=1)).ainvoke(LONG, {"callbacks": [Strict()]})
    assert ended[:1] == begun[:1]
    assert {b.status for b in out["ballots"]} <= {"failed", "cast"}
    assert len(server.requests) <= 3


async def test_a_429_backs_off_once_and_asks_for_all_again(serve: Serve) -> None:
    """The voters wait together, and share the request that goes out after it."""
    server = serve(*["yes"] * 3)
    server.on(lambda _: True, Reply(status=429, headers={"retry-after": "0.01"}), times=1)
    out = await voting(3).ainvoke(LONG)
    assert server.sizes == [3, 3]
    assert str(out["verdict"].support) == "3/3"


async def test_a_budget_has_room_for_some(serve: Serve) -> None:
    """As many share as fit; for the rest it is as it would be."""
    server = serve(*["yes"] * 5)
    out = await voting(5, limits=Limits(budget_calls=3)).ainvoke(LONG)
    assert server.sizes == [3]
    assert out["run_report"].completion_reason.startswith("BudgetSpent: the budget of 3 calls")
    assert [b.status for b in out["ballots"]].count("cast") == 3


async def test_voters_are_divided_at_once(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget is asked for the number of voters that fit, and not for each number and each voter."""
    asked: list[Amount] = []
    has_room = Budget.has_room

    def note(budget: Budget, amount: Amount) -> bool:
        asked.append(amount)
        return has_room(budget, amount)

    monkeypatch.setattr(Budget, "has_room", note)
    server = serve(*["yes"] * 60)
    await voting(60, limits=Limits(budget_calls=1)).ainvoke(LONG)
    assert server.sizes == [1]
    assert 1 <= len(asked) <= 6


async def test_a_budget_of_tokens_counts_the_prompt_once(serve: Serve) -> None:
    """Five answers to one prompt of about 1,400 tokens fit where two prompts do not."""
    server = serve(*["yes"] * 5)
    out = await voting(5, limits=Limits(budget_tokens=2_500, answer_tokens=100)).ainvoke(LONG)
    assert server.sizes == [5]
    assert str(out["verdict"].support) == "5/5"


async def test_a_request_is_cut_off_with_the_last_voter_that_waits_for_it(serve: Serve) -> None:
    """Its connection is closed; each voter has a record, and one of them the prompt."""
    server = serve(*["yes"] * 3)
    server.refuse(Reply(hang=True))
    running = asyncio.ensure_future(voting(3).ainvoke(LONG))
    await asyncio.to_thread(server.wait, lambda s: s.hanging == 1)
    drain(grace=0)
    out = await running
    await asyncio.to_thread(server.wait, lambda s: s.cut_off == 1)
    assert [b.status for b in out["ballots"]] == ["cancelled"] * 3
    calls = out["run_report"].calls
    assert [call.ok for call in calls] == [False] * 3
    assert sum(call.usage.input_tokens > 0 for call in calls) == 1


async def test_a_voter_that_leaves_gets_no_answer_and_the_others_get_theirs(serve: Serve) -> None:
    """Of three voters that share a request one is ended; the tokens of the request are with the others."""
    gate = Gate()
    server = serve(*["yes"] * 3)
    server.refuse(Reply(gate=gate))
    ask = Ask("Is it safe?\n\n{question}", model="openai:test-model", schema=answer_schema(["yes", "no"]))

    async def end_one(question: str) -> str:
        await asyncio.to_thread(server.wait, lambda s: s.in_flight > 0)
        waiting = [bound for bound in current_run().fan_out.bounds if bound.in_flight]
        assert len(waiting) == 3
        waiting[0].end("completion", "not needed")
        await asyncio.sleep(0)
        gate.open()
        return "no"

    voters = {name: ask.numbered(f"You are {name}.") for name in ("ann", "ben", "cat")}
    graph = create_voting(
        voters={**voters, "eve": end_one}, choices=["yes", "no"], stop="all_votes", limits=QUICK
    )
    out = await graph.ainvoke(LONG)
    assert server.sizes == [3]
    assert sorted(b.status for b in out["ballots"]) == ["cancelled", "cast", "cast", "cast"]
    calls = [call for call in out["run_report"].calls if call.kind == "model"]
    assert sorted((call.ok, call.samples) for call in calls) == [(False, 3), (True, 3), (True, 3)]
    assert out["run_report"].usage == Usage(input_tokens=10, output_tokens=15)
    assert out["run_report"].wasted == Usage()


async def test_a_second_run_on_a_thread_asks_again_and_a_redrive_only_what_failed(serve: Serve) -> None:
    """One ballot of three is asked again, alone, with its number."""
    server = serve(*["yes"] * 6)
    samples = [ballot("yes", 1), ballot("no", 2), Reply(text="", finish="content_filter")]
    server.refuse(Reply(samples=samples))
    graph = voting(3, checkpointer=InMemorySaver())
    out = await graph.ainvoke(LONG, CONFIG)
    assert [b.status for b in out["ballots"]] == ["cast", "cast", "failed"]
    again = await aredrive(graph, CONFIG)
    assert server.sizes == [3, 1]
    assert "You are voter 3 " in server.requests[1].prompt
    assert [b.status for b in again["ballots"]] == ["cast"] * 3
    await graph.ainvoke(LONG, CONFIG)
    assert server.sizes == [3, 1, 3]


async def test_who_is_left_after_a_stopped_run_shares_or_asks_alone(serve: Serve) -> None:
    """Three of five voters have their answers when the run is stopped: it is resumed with the other two."""
    server = serve(*["yes"] * 2)
    server.on(lambda r: "You are voter" in r.prompt, Reply(hang=True))
    server.on(lambda r: r.body.get("n") == 5, Reply(samples=[ballot("no", n) for n in range(20, 23)]))
    graph = voting(5, checkpointer=InMemorySaver())
    running = asyncio.ensure_future(graph.ainvoke(LONG, CONFIG))
    await asyncio.to_thread(server.wait, lambda s: s.hanging == 2)
    running.cancel()
    await asyncio.wait([running])
    out = await graph.ainvoke(None, CONFIG)
    assert server.sizes == [5, 1, 1, 2]
    assert [b.choice for b in out["ballots"]].count("no") == 3
    assert {b.status for b in out["ballots"]} == {"cast"}


async def test_a_request_of_several_leads_those_of_other_votes(serve: Serve) -> None:
    """Annotators of four items share guidelines: one request for two goes first, as a stream."""
    server = serve(*["yes"] * 8)
    prices = {"price_input": 1, "price_output": 2, "price_cache_read": 0.1}
    graph = create_labeling(
        model="openai:test-model",
        labels=["yes", "no"],
        guidelines=LONG["question"] * 3,
        limits=Limits(leader="on", attempts=1, **prices),
    )
    out = await graph.ainvoke({"items": {name: f"The item {name}." for name in "abcd"}})
    assert server.sizes == [2, 2, 2, 2]
    assert [bool(request.body.get("stream")) for request in server.requests] == [True, False, False, False]
    assert out["run_report"].branches == {"ok": 8}
    assert out["run_report"].usage == Usage(input_tokens=40, output_tokens=40)


def test_runs_in_threads_share_within_each_vote(serve: Serve) -> None:
    """Four votes at once, each in an event loop of its own, are four requests."""
    server = serve(*["yes"] * 12)
    server.refuse(Reply(gate=Gate(opens_at=4)))
    graph = voting(3)
    with ThreadPoolExecutor(4) as pool:
        outs = list(pool.map(lambda _: graph.invoke(LONG), range(4)))
    assert server.sizes == [3] * 4
    assert all(str(out["verdict"].support) == "3/3" for out in outs)


async def test_who_comes_alone_waits_for_nobody(serve: Serve) -> None:
    """With one branch at a time, nobody else can come: each voter asks by itself, and the vote ends."""
    server = serve(*["yes"] * 3)
    out = await voting(3).ainvoke(LONG, {"max_concurrency": 1})
    assert server.sizes == [1, 1, 1]
    assert str(out["verdict"].support) == "3/3"


async def test_streamed_answers_are_single(serve: Serve) -> None:
    """A listener to messages sees the tokens of each voter."""
    server = serve(*["yes"] * 3)
    async for _ in voting(3).astream(LONG, stream_mode="messages"):
        pass
    assert server.sizes == [1, 1, 1]


async def test_events_tell_a_call_of_each_voter(serve: Serve) -> None:
    """Each is calling and called, under its own id, which is that of its record."""
    serve(*["yes"] * 3)
    events: list[Any] = []
    async for mode, part in voting(3).astream(LONG, stream_mode=["custom", "values"]):
        if mode == "custom":
            events.append(part)
        else:
            out = part
    ids = {call.id for call in out["run_report"].calls}
    assert {e["call"] for e in events if e["event"] == "calling"} == ids
    called = [e for e in events if e["event"] == "called"]
    assert {e["call"] for e in called} == ids
    assert {tuple(e["branch"]) for e in called} == {("#1",), ("#2",), ("#3",)}
    assert sorted(e["input_tokens"] for e in called) == [0, 0, 10]


async def test_a_trace_has_a_call_of_each_voter_and_the_prompt_once(serve: Serve) -> None:
    """Runs of models are below their voters, with an answer of their own, and tokens that add up."""
    server = serve("yes", "no", "yes")
    with traces() as sink:
        out = await voting(3).ainvoke(LONG, {"callbacks": [sink.tracer]})
        sink.arrived().check_tree()
        runs = [run for run in sink.runs.values() if run["run_type"] == "llm"]
    assert server.sizes == [3]
    assert {run["id"] for run in runs} == {call.id for call in out["run_report"].calls}
    assert sorted(run["name"] for run in runs) == [f"vote[voting#{number}]" for number in (1, 2, 3)]
    messages = [run["outputs"]["generations"][0][0]["message"]["kwargs"] for run in runs]
    assert len({message["content"] for message in messages}) == 3
    assert sorted(message["usage_metadata"]["input_tokens"] for message in messages) == [0, 0, 10]


def test_sync_invoke_shares_too(serve: Serve) -> None:
    """`invoke` runs the graph in an event loop of its own."""
    server = serve(*["yes"] * 3)
    out = voting(3).invoke(LONG)
    assert server.sizes == [3]
    assert str(out["verdict"].support) == "3/3"


async def test_rates_count_every_sample(serve: Serve) -> None:
    """A request for five takes five of the requests per minute: the next one waits for their time."""
    server = serve(*["yes"] * 6)
    # 0.97 of 1,200 a minute are 19.4 a second: five take about a quarter of a second.
    limits = Limits(requests_per_minute=1_200, attempts=1)
    await voting(5, limits=limits).ainvoke(LONG)
    await voting(1, limits=limits).ainvoke(LONG)
    assert server.sizes == [5, 1]
    assert server.requests[1].started - server.requests[0].started >= 4 / 20


async def test_votes_side_by_side_do_not_mix(serve: Serve) -> None:
    """The same question in two votes of one run is two requests: each vote has voters of its own."""
    server = serve(*["yes"] * 6)
    graph = create_labeling(
        model="openai:test-model", labels=["yes", "no"], voters=3, stop="all_votes", limits=QUICK
    )
    text = LONG["question"]
    await graph.ainvoke({"items": {"a": text, "b": text}})
    assert server.sizes == [3, 3]
