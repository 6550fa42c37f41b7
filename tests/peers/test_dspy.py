"""DSPy: BestOfN and Refine with a reward, majority, MultiChainComparison, Parallel, batch and Ensemble.

Its users bring modules that are called several times, a reward function with a threshold, and an executor of
many examples that counts errors.
"""

import asyncio
import contextvars
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langgraph_parallel import (
    Ask,
    Judge,
    Roster,
    Section,
    aredrive,
    create_best_of,
    create_map_reduce,
    create_sectioning,
    create_voting,
    errors,
    synthesize,
    votes,
)
from tests.support.clock import Clock, until
from tests.support.server import ModelServer, Reply

TASK = {"task": "What is the capital of Belgium?"}
QUESTION = {"question": "What is the colour of the sky?"}
CONFIG: Any = {"configurable": {"thread_id": "1"}}


class Attempts:
    """A module that is called several times: gives its answers one after another, and raises exceptions.

    Args:
        answers: what each attempt gives or raises.
    """

    def __init__(self, *answers: Any) -> None:
        self.answers = answers
        self.given: list[str] = []
        """What each attempt got, in order."""

    @property
    def calls(self) -> int:
        """Number of attempts that were made."""
        return len(self.given)

    @property
    def drafters(self) -> dict[str, Any]:
        """One drafter for each attempt."""

        def attempt(answer: Any) -> Any:
            def run(task: str) -> Any:
                self.given.append(task)
                if isinstance(answer, Exception):
                    raise answer
                return answer

            return run

        return {f"attempt {number}": attempt(answer) for number, answer in enumerate(self.answers, 1)}


def one_word(task: str, draft: Any) -> float:
    """Reward an answer of one word."""
    return 1.0 if len(draft.split()) == 1 else 1 / len(draft.split())


def best_of_n(module: Attempts, reward: Any = one_word, **options: Any) -> Any:
    """Try one attempt after another, and end with one that reaches the threshold."""
    return create_best_of(drafters=module.drafters, judge=reward, **{"threshold": 1.0, "wave": 1} | options)


# BestOfN


async def test_an_attempt_that_reaches_the_threshold_is_the_last_one() -> None:
    """DSPy: BestOfN returns the first prediction whose reward reaches the threshold, and calls no more."""
    module, rewarded = Attempts("Brussels", "City of Brussels", "Antwerp"), []

    def reward(task: str, draft: str) -> float:
        rewarded.append(draft)
        return one_word(task, draft)

    out = await best_of_n(module, reward).ainvoke(TASK)
    assert (out["best"], module.calls, rewarded) == ("Brussels", 1, ["Brussels"])
    assert out["run_report"].calls_saved == 2


async def test_without_a_good_enough_attempt_the_best_of_all_is_returned() -> None:
    """DSPy: if no reward reaches the threshold, all N are tried and the highest reward wins."""
    module = Attempts("the city of Brussels", "City Brussels", "it is the city of Brussels")
    out = await best_of_n(module).ainvoke(TASK)
    assert (out["best"], module.calls) == ("City Brussels", 3)
    assert [draft.score for draft in out["drafts"]] == [1 / 2, 1 / 4, 1 / 6]


async def test_a_later_attempt_of_equal_reward_does_not_replace_the_best() -> None:
    """DSPy: a prediction replaces the best one only with a greater reward."""
    out = await best_of_n(Attempts("City Brussels", "Brussels City", "a Brussels b")).ainvoke(TASK)
    assert out["best"] == "City Brussels"


async def test_the_reward_sees_the_inputs_and_the_prediction() -> None:
    """DSPy: `reward_fn(args, pred)` gets what the module was given, and the prediction as an object."""
    seen: list[Any] = []

    def reward(task: str, draft: Any) -> float:
        seen.append((task, draft))
        return float(draft["confidence"])

    module = Attempts({"answer": "Brussels", "confidence": 0.4}, {"answer": "Ghent", "confidence": 0.2})
    out = await best_of_n(module, reward).ainvoke(TASK)
    assert out["best"]["answer"] == "Brussels"
    assert seen == [(TASK["task"], answer) for answer in module.answers]


async def test_attempts_are_made_at_once_if_there_is_no_reason_to_wait() -> None:
    """DSPy: its BestOfN tries one after another; here all attempts run together unless they come in waves."""
    # Differs: where every attempt is wanted, waiting for one after another only takes time.
    together = asyncio.Barrier(3)

    async def attempt(task: str) -> str:
        return f"answer {await asyncio.wait_for(together.wait(), 10)}"

    graph = create_best_of(drafters=Roster(attempt, 3), judge=lambda draft: int(draft[-1]))
    assert (await graph.ainvoke(TASK))["best"] == "answer 2"


async def test_an_attempt_that_raises_is_followed_by_the_next_one() -> None:
    """DSPy: an attempt that raises counts against `fail_count`, and the next one is tried."""
    module = Attempts(ValueError("Deliberately failing"), "Brussels", "Ghent")
    out = await best_of_n(module).ainvoke(TASK)
    assert (out["best"], module.calls, out["missing"]) == ("Brussels", 2, ["attempt 1"])
    assert out["branches"]["attempt 1"].error == "ValueError: Deliberately failing"


async def test_if_every_attempt_raises_there_is_no_prediction() -> None:
    """DSPy: it raises the last error; here there is no result, and the report has every cause."""
    # Differs: a graph around may still go on without this result; with a policy it is an error, see below.
    module = Attempts(ValueError("one"), ValueError("two"))
    out = await best_of_n(module).ainvoke(TASK)
    assert (out["best"], out["missing"]) == (None, ["attempt 1", "attempt 2"])
    assert (module.calls, out["run_report"].status) == (2, "failed")
    assert {"ValueError: one", "ValueError: two"} <= set(out["run_report"].failures.values())


async def test_more_failures_than_are_tolerated_raise() -> None:
    """DSPy: `fail_count` bounds the attempts that may raise; one more is an error that has the cause."""
    module = Attempts(ValueError("one"), ValueError("two"), "Brussels")
    graph = create_best_of(drafters=module.drafters, judge=one_word, completion="tolerated_failures(1)")
    with pytest.raises(errors.CompletionError, match="ValueError"):
        await graph.ainvoke(TASK)
    graph = create_best_of(drafters=module.drafters, judge=one_word, completion="tolerated_failures(2)")
    assert (await graph.ainvoke(TASK))["best"] == "Brussels"


async def test_a_reward_that_raises_costs_that_attempt_its_score_alone() -> None:
    """DSPy: an error in the reward counts as a failed attempt; the others are still compared."""

    def reward(task: str, draft: str) -> float:
        return 1 / (len(draft) - 5) / 100

    out = await best_of_n(Attempts("Ghent", "Brussels", "Antwerp")).ainvoke(TASK)
    assert out["best"] == "Ghent"
    out = await best_of_n(Attempts("Ghent", "Brussels", "Antwerp"), reward).ainvoke(TASK)
    assert out["best"] == "Antwerp"
    assert [(draft.text, draft.judged) for draft in out["drafts"]] == [
        ("Antwerp", 1),
        ("Brussels", 1),
        ("Ghent", 0),
    ]


async def test_no_two_attempts_of_a_model_send_the_same_request(model: str, server: ModelServer) -> None:
    """DSPy: each attempt has a `rollout_id` and a temperature, so that a cache does not answer twice."""
    server.always(Reply(text="Brussels"))
    roster = Roster(3, temperatures=[1.0])
    await create_best_of(model=model, drafters=roster, judge=one_word).ainvoke(TASK)
    assert len({request.prompt for request in server.requests}) == 3
    assert [request.body["temperature"] for request in server.requests] == [1.0] * 3


def test_a_best_of_runs_in_code_that_is_not_async() -> None:
    """DSPy: modules are called from plain code."""
    module = Attempts("City Brussels", "Brussels")
    assert best_of_n(module).invoke(TASK)["best"] == "Brussels"
    assert module.calls == 2


# Refine


async def test_the_next_attempt_gets_feedback_on_the_one_before() -> None:
    """DSPy: Refine turns a reward that is too low into advice for the next attempt."""
    module = Attempts("the city of Brussels", "Brussels")

    def reward(task: str, draft: str) -> dict[str, Any]:
        return {"score": one_word(task, draft), "feedback": f"{len(draft.split())} words are too many"}

    out = await best_of_n(module, reward, refine=True).ainvoke(TASK)
    assert out["best"] == "Brussels"
    assert module.given[0] == TASK["task"]
    assert "4 words are too many" in module.given[1]
    assert "the city of Brussels" in module.given[1]


async def test_the_best_attempt_so_far_is_refined_and_not_the_last_one() -> None:
    """DSPy: it gives advice on the last attempt; here a worse attempt does not become the starting point."""
    # Differs: what has been reached is not given up for an attempt with a lower reward.
    module = Attempts("City Brussels", "the worse city of Brussels", "Brussels")
    await best_of_n(module, refine=True).ainvoke(TASK)
    assert "City Brussels" in module.given[2]
    assert "worse" not in module.given[2]


async def test_no_feedback_is_asked_for_once_the_threshold_is_reached() -> None:
    """DSPy: Refine ends with the attempt that is good enough, and gives no further advice."""
    rewarded: list[str] = []

    def reward(task: str, draft: str) -> dict[str, Any]:
        rewarded.append(draft)
        return {"score": one_word(task, draft), "feedback": "shorter"}

    module = Attempts("City Brussels", "Brussels", "never", "never")
    await best_of_n(module, reward, refine=True).ainvoke(TASK)
    assert (rewarded, module.calls) == (["City Brussels", "Brussels"], 2)


async def test_after_an_attempt_that_raises_there_is_nothing_to_refine() -> None:
    """DSPy: Refine goes on without a hint after an attempt that has raised."""
    module = Attempts(ValueError("Deliberately failing"), "City Brussels", "Brussels")
    assert (await best_of_n(module, refine=True).ainvoke(TASK))["best"] == "Brussels"
    assert module.given[:2] == [TASK["task"]] * 2
    assert "City Brussels" in module.given[2]


# majority, MultiChainComparison, Ensemble


async def majority(*answers: Any, **options: Any) -> Any:
    """Return the verdict on completions."""
    voters = {f"c{i}": (lambda question, answer=answer: answer) for i, answer in enumerate(answers)}
    graph = create_voting(voters=voters, stop="all_votes", **options)
    return (await graph.ainvoke(QUESTION))["verdict"]


async def test_the_majority_of_completions_wins() -> None:
    """DSPy: `majority` returns the answer that most completions have, with the others at hand."""
    verdict = await majority("2", "2", "3")
    assert (verdict.choice, str(verdict.support)) == ("2", "2/3")
    assert [(count.choice, count.voters) for count in verdict.counts] == [("2", ["c0", "c1"]), ("3", ["c2"])]


async def test_without_a_majority_the_first_completion_is_returned_as_a_tie() -> None:
    """DSPy: on a tie the first completion is returned; here its status says that it is one."""
    verdict = await majority("2", "3", "4")
    assert (verdict.choice, verdict.status, str(verdict.support)) == ("2", "tied", "1/3")


async def test_answers_are_normalised_where_that_is_asked_for() -> None:
    """DSPy: `majority` normalises texts by default; here it is asked for, and what was said is kept."""
    # Differs: a normaliser that nobody chose may unite answers that are not the same.
    said = ("Paris.", " paris", "London")
    assert (await majority(*said)).status == "tied"
    verdict = await majority(*said, ballot={"normalise": "text"})
    assert (verdict.choice, str(verdict.support)) == ("paris", "2/3")


async def test_completions_that_normalise_to_nothing_do_not_vote() -> None:
    """DSPy: `majority` leaves out completions whose normalised value is None."""
    digits = {"normalise": lambda said: said if str(said).isdigit() else None}
    verdict = await majority("unknown", "unknown", "7", ballot=digits)
    assert (verdict.choice, str(verdict.support), verdict.abstained) == ("7", "1/1", 2)


async def test_the_majority_of_another_field_can_be_taken() -> None:
    """DSPy: `majority(field=...)` counts the field that is named."""
    said = ({"answer": "2", "other": "1"}, {"answer": "3", "other": "1"}, {"answer": "3", "other": "2"})
    assert (await majority(*said, ballot={"field": "other"})).choice == "1"
    assert (await majority(*said, ballot={"field": "answer"})).choice == "3"


async def test_a_model_compares_chains_by_their_rationales(model: str, server: ModelServer) -> None:
    """DSPy: MultiChainComparison shows a model every attempt with its rationale, and takes its answer."""
    server.always(Reply(json={"reason": "taken together", "answer": 2}))
    chains = (
        {"choice": "blue", "rationale": "it often appears so"},
        {"choice": "green", "rationale": "it is seen so"},
        {"choice": "blue", "rationale": "paintings show it so"},
    )
    verdict = await majority(*chains, rule=Judge(model))
    prompt = server.requests[0].prompt
    assert all(chain["rationale"] in prompt for chain in chains)
    second = re.search(r"Answer 2: (\w+)", prompt)
    assert second is not None
    assert (verdict.choice, verdict.note, len(server.requests)) == (second[1], "taken together", 1)


async def test_a_chain_without_a_rationale_can_be_compared(model: str, server: ModelServer) -> None:
    """DSPy: MultiChainComparison takes attempts without a rationale, and none without an answer."""
    server.always(Reply(json={"reason": "holistic", "answer": 1}))
    verdict = await majority({"choice": "blue"}, {"choice": None, "rationale": "a guess"}, rule=Judge(model))
    assert (verdict.choice, verdict.abstained, server.requests) == ("blue", 1, [])


async def test_an_ensemble_of_programs_is_reduced() -> None:
    """DSPy: Ensemble(reduce_fn=dspy.majority) calls every program with the same inputs."""
    given: list[str] = []

    def program(answer: str) -> Any:
        def run(question: str) -> str:
            given.append(question)
            return answer

        return run

    programs = {"a": program("blue"), "b": program("grey"), "c": program("blue")}
    out = await create_voting(voters=programs, stop="all_votes").ainvoke(QUESTION)
    assert (out["verdict"].choice, given) == ("blue", [QUESTION["question"]] * 3)
    assert [ballot.choice for ballot in out["ballots"]] == ["blue", "grey", "blue"]


async def test_what_was_learned_from_examples_is_saved_and_loaded(tmp_path: Path) -> None:
    """DSPy: an optimised program is saved, and decides the same after it is loaded."""
    history = [({"good": "x", "bad": "y", "worse": "y"}, "x")] * 6 + [({"good": "y", "bad": "y"}, "y")] * 2
    learned = votes.calibrate(history)
    learned.save(tmp_path / "weights.json")
    loaded = votes.Calibration.load(tmp_path / "weights.json")
    assert (loaded.best, loaded.weights) == ("good", learned.weights)
    panel = {"good": lambda q: "blue", "bad": lambda q: "grey", "worse": lambda q: "grey"}
    out = await create_voting(voters=panel, rule=loaded.rule(), stop="all_votes").ainvoke(QUESTION)
    assert out["verdict"].choice == "blue"
    assert (await create_voting(voters=panel, stop="all_votes").ainvoke(QUESTION))["verdict"].choice == "grey"


# Parallel, batch, ParallelExecutor


def doubled(item: Any) -> Any:
    """Double an item, or raise for 3 and 5."""
    if item == 3:
        raise ValueError("test error for 3")
    if item == 5:
        raise RuntimeError("test error for 5")
    return item * 2


def batch(worker: Any, **options: Any) -> Any:
    """Work on a list of examples; the result is the list of outcomes."""
    return create_map_reduce(worker=worker, synthesizer=lambda g: g.values, **options)


async def test_results_stand_in_the_order_of_the_examples() -> None:
    """DSPy: the executor returns results by index, whichever example was done first."""
    done: list[int] = []
    next_may_end = [asyncio.Event() for _ in range(6)]
    next_may_end[5].set()

    async def work(item: int) -> int:
        await asyncio.wait_for(next_may_end[item].wait(), 10)
        done.append(item)
        next_may_end[item - 1].set()
        return item * 2

    out = await batch(work).ainvoke({"items": [1, 2, 3, 4, 5]})
    assert (out["result"], done) == ([2, 4, 6, 8, 10], [5, 4, 3, 2, 1])


async def test_failed_examples_are_known_by_index_with_their_exceptions() -> None:
    """DSPy: the executor has `failed_indices` and a map of their exceptions, and None in their places."""
    out = await batch(doubled).ainvoke({"items": [1, 2, 3, 4, 5]})
    assert (out["result"], out["missing"]) == ([2, 4, 8], ["item 3", "item 5"])
    examples = sorted(out["branches"].values(), key=lambda branch: branch.order)[:5]
    assert [branch.value for branch in examples] == [2, 4, None, 8, None]
    assert {branch.order: branch.error for branch in examples if not branch.ok} == {
        2: "ValueError: test error for 3",
        4: "RuntimeError: test error for 5",
    }


async def test_fewer_errors_than_max_errors_end_nothing() -> None:
    """DSPy: the executor completes while there are fewer errors than `max_errors`."""
    out = await batch(doubled, completion="tolerated_failures(1)").ainvoke({"items": [1, 2, 3, 4]})
    assert out["result"] == [2, 4, 8]


async def test_max_errors_cancels_what_is_still_running() -> None:
    """DSPy: the executor is cancelled once there are `max_errors` errors."""
    cancelled = asyncio.Event()

    async def work(item: int) -> int:
        if item != 4:
            return int(doubled(item))
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return 0

    graph = batch(work, completion="tolerated_failures(1)")
    with pytest.raises(errors.CompletionError) as failed:
        await asyncio.wait_for(graph.ainvoke({"items": [1, 3, 4, 5]}), 10)
    assert cancelled.is_set()
    assert [branch.value for branch in failed.value.succeeded.values()] == [2]
    assert sorted(b.status for b in failed.value.failed.values()) == ["cancelled", "failed", "failed"]


async def test_one_thread_works_on_one_example_after_another() -> None:
    """DSPy: `num_threads=1` runs the examples in order, never two at a time."""
    running, most, order = 0, 0, []

    async def work(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        order.append(item)
        await asyncio.sleep(0)
        running -= 1
        return item

    config: Any = {"max_concurrency": 1}
    out = await batch(work, fan_in=9).ainvoke({"items": [1, 2, 3, 4, 5]}, config)
    assert (out["result"], order, most) == ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5], 1)


def test_plain_functions_run_in_threads_of_their_own() -> None:
    """DSPy: the executor runs functions that block in several threads at once."""
    together = threading.Barrier(3)

    def work(item: int) -> str:
        together.wait(timeout=10)
        return threading.current_thread().name

    names = batch(work).invoke({"items": [1, 2, 3]})["result"]
    assert len(set(names)) == 3
    assert threading.main_thread().name not in names


async def test_settings_reach_every_example_and_stay_in_it() -> None:
    """DSPy: `dspy.context` holds in all threads of a Parallel, and a change in one is not seen in another."""
    setting: contextvars.ContextVar[str] = contextvars.ContextVar("setting", default="none")
    changed = asyncio.Event()

    async def work(item: str) -> str:
        if item == "changes":
            setting.set("changed")
            changed.set()
        await asyncio.wait_for(changed.wait(), 10)
        return setting.get()

    setting.set("outer")
    out = await batch(work).ainvoke({"items": ["reads", "changes"]})
    assert (out["result"], setting.get()) == (["outer", "changed"], "outer")


async def test_each_example_may_go_to_a_module_of_its_own() -> None:
    """DSPy: Parallel takes pairs of a module and its inputs."""
    pairs = [("upper", "a"), ("lower", "B"), ("upper", "c")]

    def plan(content: str) -> list[Section]:
        return [
            Section(id=str(i), title=text, content=text, worker=name) for i, (name, text) in enumerate(pairs)
        ]

    workers = {"upper": lambda s: s.content.upper(), "lower": lambda s: s.content.lower()}
    graph = create_sectioning(planner=plan, worker=workers, synthesizer=lambda g: g.values)
    assert (await graph.ainvoke({"content": ""}))["result"] == ["A", "b", "C"]


async def test_a_parallel_may_stand_in_another_one() -> None:
    """DSPy: Parallel nests, and the results nest in the same way."""
    inner = batch(lambda item: item.upper())

    async def outer(items: list[str]) -> Any:
        return (await inner.ainvoke({"items": items}))["result"]

    out = await batch(outer).ainvoke({"items": [["a", "b"], ["c", "d"]]})
    assert out["result"] == [["A", "B"], ["C", "D"]]


async def test_usage_is_tracked_in_parallel_calls(model: str, server: ModelServer) -> None:
    """DSPy: with `track_usage` each prediction of a Parallel has the tokens of its own calls."""
    server.on("first", Reply(text="one", usage=(11, 1)))
    server.on("second", Reply(text="two", usage=(22, 2)))
    out = await batch(Ask("Say {content}", model=model)).ainvoke({"items": ["first", "second"]})
    tokens = {
        str(branch.value): [call.usage.input_tokens for call in branch.calls]
        for branch in out["branches"].values()
    }
    assert (tokens["one"], tokens["two"]) == ([11], [22])
    assert out["run_report"].usage.output_tokens == 3


async def test_a_straggler_is_sent_again(model: str, server: ModelServer, clock: Clock) -> None:
    """DSPy: the executor submits a straggler a second time after `timeout`, and takes what ends first."""
    server.on("slow", Reply(hang=True), times=1)
    server.on(lambda r: "slow" in r.prompt and len(server.asked("slow")) > 1, Reply(text="at last"))
    ask = Ask("Say {content}", model=model, limits={"hedge": 100.0, "hedge_share": 1.0})
    running = asyncio.ensure_future(batch(ask).ainvoke({"items": ["slow"]}))
    await until(lambda: server.hanging == 1)
    clock.advance(100)
    out = await running
    assert (out["result"], out["run_report"].hedges, len(server.asked("slow"))) == ("at last", 1, 2)


async def test_an_answer_that_does_not_parse_is_asked_for_again(model: str, server: ModelServer) -> None:
    """DSPy: an adapter that cannot parse the fields tries once more, with another form of answer."""

    class Capital(BaseModel):
        city: str

    server.always(Reply(json={"city": "Brussels"}))
    server.on("Belgium", Reply(text="I think it is Brussels"), times=1)
    out = await batch(Ask("{content}", model=model, schema=Capital)).ainvoke({"items": ["Belgium"]})
    assert (out["result"], len(server.requests)) == ({"city": "Brussels"}, 2)


async def test_a_failed_example_is_no_zero_unless_one_says_so() -> None:
    """DSPy: Evaluate gives a failed example `failure_score` (0); here a join decides what it is worth."""
    # Differs: the mean of what was answered, and what was not, are two numbers.

    def mean(join: Any) -> Any:
        return create_sectioning(
            planner=lambda content: [Section(id=item, title=item) for item in content.split()],
            worker=lambda section: doubled(int(section.id)) / 2,
            synthesizer=join,
        )

    given = {"content": "1 2 3"}
    assert (await mean(lambda g: sum(g) / len(g)).ainvoke(given))["result"] == 1.5
    as_zero = mean(lambda g: sum(g) / (len(g) + len(g.missing)))
    assert (await as_zero.ainvoke(given))["result"] == 1.0


async def test_status_messages_are_streamed_for_each_example() -> None:
    """DSPy: `streamify` reports when each module starts and ends, before the prediction is there."""
    told = [
        (event["event"], event.get("status", ""))
        async for event in batch(doubled).astream({"items": [1, 3]}, stream_mode="custom")
        if event["event"] in ("started", "ended")
    ]
    # The join passes on the only result, without any work.
    started = [("started", "")] * 2
    assert sorted(told) == [("ended", "failed"), ("ended", "ok"), ("ended", "ok"), *started]


async def test_failed_examples_can_be_run_again_alone() -> None:
    """DSPy: `batch(return_failed_examples=True)` returns the failed examples to run them again by hand."""
    worked: list[int] = []
    mended = False

    def work(item: int) -> int:
        worked.append(item)
        return item * 2 if mended else int(doubled(item))

    graph = batch(work, checkpointer=InMemorySaver())
    await graph.ainvoke({"items": [1, 3, 5]}, CONFIG)
    worked.clear()
    mended = True
    out = await aredrive(graph, CONFIG)
    assert (sorted(worked), out["result"]) == ([3, 5], [2, 6, 10])


async def test_the_best_prediction_of_a_batch_can_be_taken_by_its_own_score() -> None:
    """DSPy: users sort predictions by a field of them; a join does so by name."""
    graph = create_map_reduce(
        worker=lambda item: {"answer": item, "score": len(item)},
        synthesizer=synthesize.best_by("score", highest=True),
    )
    assert (await graph.ainvoke({"items": ["a", "ccc", "bb"]}))["result"]["answer"] == "ccc"
