"""llm-council (Karpathy's, and its descendants): answers, anonymous rankings by the peers, a chairman.

Its users bring a council of models that answer one question, judge each other's answers without names, and a
chairman who writes the final answer from all of it.
"""

import asyncio
import itertools
import re
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from langgraph_parallel import (
    Ask,
    Judge,
    Limits,
    Roster,
    Section,
    Source,
    create_best_of,
    create_debate,
    create_scatter_gather,
    create_sectioning,
    create_voting,
    errors,
    records,
    rules,
    votes,
)
from tests.support.clock import Clock, until
from tests.support.server import Gate, ModelServer, Reply

CONFIG: Any = {"configurable": {"thread_id": "1"}}
ASKED = {"request": "Tabs or spaces?"}
LABELS = ["Response A", "Response B", "Response C"]
QUESTION = {"question": "Rank the responses."}


def says(answer: Any) -> Any:
    """Return a member that answers the same to everything, or raises it if it is an exception."""

    def member(question: Any) -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return member


async def never(question: Any) -> Any:
    """Never answer."""
    await asyncio.Event().wait()


def ranks(letters: str) -> list[str]:
    """Return a ranking of the responses: `BAC` puts Response B first."""
    return [f"Response {letter}" for letter in letters]


async def ranked(*rankings: Any, rule: Any = "borda", **options: Any) -> Any:
    """Let reviewers r1, r2 and so on rank the responses, and return the output."""
    reviewers = {f"r{i}": says(ranking) for i, ranking in enumerate(rankings, 1)}
    graph = create_voting(voters=reviewers, choices=LABELS, rule=rule, **{"stop": "all_votes"} | options)
    return await graph.ainvoke(QUESTION)


# stage 1: answers


async def test_all_members_are_asked_the_question_at_the_same_time() -> None:
    """llm-council: stage 1 sends the question to every model in parallel."""
    together, asked = asyncio.Barrier(3), []

    async def member(question: str) -> str:
        asked.append(question)
        await asyncio.wait_for(together.wait(), 10)
        return "spaces"

    out = await create_scatter_gather(sources={"ann": member, "ben": member, "cas": member}).ainvoke(ASKED)
    assert (asked, list(out["results"])) == ([ASKED["request"]] * 3, ["ann", "ben", "cas"])


async def test_the_council_goes_on_without_a_member_that_fails() -> None:
    """llm-council: a model that returns nothing is left out, and the others are the council."""
    council = {"ann": says("tabs"), "ben": says(ConnectionError("down")), "cas": says("spaces")}
    out = await create_scatter_gather(sources=council).ainvoke(ASKED)
    assert (out["results"], out["missing"]) == ({"ann": "tabs", "cas": "spaces"}, ["ben"])
    assert out["run_report"].status == "partial"


async def test_each_member_has_a_status_of_its_own() -> None:
    """llm-council: the metadata say of each model whether it was ok, late or in error."""
    council = {"ann": says("tabs"), "ben": says(ValueError("bad")), "cas": Source(never, timeout=0.05)}
    out = await create_scatter_gather(sources=council).ainvoke(ASKED)
    statuses = {name: branch.status for name, branch in out["branches"].items()}
    assert (statuses, out["late"]) == ({"ann": "ok", "ben": "failed", "cas": "timed_out"}, ["cas"])


async def test_a_council_of_which_nobody_answers_has_failed_and_says_why() -> None:
    """llm-council: if all models fail, the result is an error that says so."""
    council = {"ann": says(ConnectionError("a")), "ben": says(ConnectionError("b"))}
    out = await create_scatter_gather(sources=council).ainvoke(ASKED)
    assert (out["results"], out["missing"], out["run_report"].status) == ({}, ["ann", "ben"], "failed")
    assert set(out["run_report"].failures.values()) == {"ConnectionError: a", "ConnectionError: b"}


async def test_too_few_members_can_be_an_error_that_has_their_answers() -> None:
    """llm-council: descendants require a quorum of responses before the council deliberates."""
    council = {"ann": says("tabs"), "ben": says(ConnectionError("b")), "cas": says(ConnectionError("c"))}
    with pytest.raises(errors.CompletionError) as failed:
        await create_scatter_gather(sources=council, completion="min_success(2)").ainvoke(ASKED)
    assert [branch.value for branch in failed.value.succeeded.values()] == ["tabs"]


async def test_the_deadline_of_the_council_closes_it_on_the_answers_it_has(clock: Clock) -> None:
    """llm-council: descendants return a partial result at the deadline, with the models that answered."""
    begun: list[str] = []

    async def ann(question: Any) -> str:
        begun.append("ann")
        return "tabs"

    async def ben(question: Any) -> Any:
        begun.append("ben")
        await never(question)

    council = {"ann": ann, "ben": ben}
    graph = create_scatter_gather(sources=council, synthesizer=lambda g: g.values, limits={"deadline": 50})
    running = asyncio.ensure_future(graph.ainvoke(ASKED))
    await until(lambda: len(begun) == 2)
    clock.advance(51)
    out = await running
    assert (out["result"], out["late"], out["run_report"].status) == (["tabs"], ["ben"], "partial")


async def test_one_model_may_have_several_seats(model: str, server: ModelServer) -> None:
    """llm-council: a model that is listed twice answers twice, by two different requests."""
    server.always(Reply(json={"choice": "tabs"}))
    council = Roster(models=["openai:big", "openai:big", "openai:small"])
    out = await create_voting(voters=council, choices=["tabs", "spaces"], stop="all_votes").ainvoke(
        {"question": "Tabs or spaces?"}
    )
    assert sorted(request.body["model"] for request in server.requests) == ["big", "big", "small"]
    assert len({request.prompt for request in server.requests}) == 3
    assert str(out["verdict"].support) == "3/3"


async def test_a_smaller_council_can_be_asked_for_one_question(model: str, server: ModelServer) -> None:
    """llm-council: descendants have tiers, of which a quick one asks fewer models."""
    server.always(Reply(json={"choice": "tabs"}))
    council = create_voting(model=model, voters=5, stop="all_votes")
    await council.ainvoke({"question": "Tabs?"}, context={"voters": 2})
    assert len(server.requests) == 2


# stage 2: anonymous peer review


async def test_the_best_average_position_wins() -> None:
    """llm-council: the aggregate ranking orders the responses by their mean place."""
    rankings = [ranks(letters) for letters in ("ABC", "BAC", "ACB", "BAC", "ABC")]
    verdict = (await ranked(*rankings))["verdict"]
    places = {label: sum(ranking.index(label) for ranking in rankings) for label in LABELS}
    assert [count.choice for count in verdict.counts] == sorted(LABELS, key=lambda label: places[label])
    assert (verdict.choice, verdict.status) == ("Response A", "decided")


async def test_a_ranking_is_read_from_the_end_of_a_review() -> None:
    """llm-council: a reviewer writes its evaluation, and then a numbered list under FINAL RANKING."""

    def reviewer(question: str) -> dict[str, Any]:
        text = "Response C is long.\n\nFINAL RANKING:\n1. Response B\n2. Response C\n3. Response A"
        review, _, final = text.partition("FINAL RANKING:")
        return {"choice": re.findall(r"Response [A-Z]", final), "rationale": review.strip()}

    out = await create_voting(voters=[reviewer], choices=LABELS, rule="borda").ainvoke(QUESTION)
    assert out["ballots"][0].choice == ranks("BCA")
    assert out["ballots"][0].rationale == "Response C is long."


async def test_labels_are_read_whatever_stands_around_them() -> None:
    """llm-council: the parser finds the labels also where a model formats its list in another way."""
    out = await ranked(["**Response B**", "response a.", "`Response C`"])
    assert (out["ballots"][0].choice, out["verdict"].choice) == (ranks("BAC"), "Response B")


async def test_a_review_without_a_ranking_abstains_and_the_others_decide() -> None:
    """llm-council: a ranking that cannot be parsed adds no positions to the aggregate."""
    out = await ranked("I like them all", ranks("CAB"), None, ranks("CBA"))
    verdict = out["verdict"]
    assert (verdict.choice, verdict.cast, verdict.abstained) == ("Response C", 2, 2)
    assert out["ballots"][0].said == "I like them all"


async def test_a_response_that_a_reviewer_leaves_out_is_not_its_last_place() -> None:
    """llm-council: the mean place counts only the rankings that name a response."""
    # By points, what a ballot leaves out shares the points that are left: neither first nor last among them.
    out = await ranked(["Response A"], ["Response A"], ranks("BCA"))
    scores = {count.choice: count.weight for count in out["verdict"].counts}
    assert (scores, out["verdict"].choice) == (
        {"Response A": 4, "Response B": 3, "Response C": 2},
        "Response A",
    )


async def test_without_any_ranking_there_is_no_winner_and_nothing_breaks() -> None:
    """llm-council: without rankings there is no order of responses, and the council goes on."""
    verdict = (await ranked(ConnectionError("a"), "no", None))["verdict"]
    assert (verdict.choice, verdict.status, verdict.asked) == (None, "no_quorum", 3)
    assert (verdict.failed, verdict.abstained) == (1, 2)


async def test_reviewers_are_spared_once_the_leader_cannot_be_caught() -> None:
    """llm-council: with early consensus a leader who cannot lose any more ends the review."""
    asked: list[int] = []

    def reviewer(number: int) -> Any:
        def review(question: str) -> list[str]:
            asked.append(number)
            return ranks("ABC")

        return review

    reviewers = {f"r{n}": reviewer(n) for n in range(1, 6)}
    out = await create_voting(voters=reviewers, choices=LABELS, rule="borda", wave=1).ainvoke(QUESTION)
    assert (asked, out["verdict"].not_asked) == ([1, 2, 3, 4], 1)
    assert (out["verdict"].choice, out["run_report"].calls_saved) == ("Response A", 1)


def test_early_consensus_never_changes_the_winner() -> None:
    """llm-council: whenever early consensus ends a review, no completion of it has another winner."""
    orders = list(itertools.permutations("ABC"))
    rule, saved = rules.borda(candidates=LABELS), 0
    for three in itertools.product(orders, repeat=3):
        ballots = [
            records.Ballot(voter=f"r{i}", order=i, status="cast", choice=ranks("".join(order)))
            for i, order in enumerate((*three, three[0], three[0]))
        ]
        early, full = votes.replay(ballots, rule, "decided"), votes.replay(ballots, rule, "all_votes")
        saved += full.calls - early.calls
        assert early.verdict.choice == full.verdict.choice
    assert saved > 0


async def test_in_shadow_mode_everybody_reviews_and_the_saving_is_reported() -> None:
    """llm-council: in shadow mode early consensus is only logged, and all reviewers run."""
    out = await ranked(*[ranks("ABC")] * 5, stop="decided", wave=1, shadow=["decided"])
    (trial,) = out["run_report"].trials
    assert (out["verdict"].asked, out["run_report"].calls_saved) == (5, 0)
    assert (trial.stop, trial.calls, trial.voters, trial.same) == ("decided()", 4, 5, 1)


async def test_a_straggling_reviewer_is_cancelled_once_it_cannot_matter() -> None:
    """llm-council: early consensus cancels the reviewers that are still running."""
    reviewers = {**{f"r{n}": says(ranks("ABC")) for n in range(1, 5)}, "late": never}
    graph = create_voting(voters=reviewers, choices=LABELS, rule="borda", wave="all")
    out = await asyncio.wait_for(graph.ainvoke(QUESTION), 10)
    assert (out["verdict"].choice, out["branches"]["late"].status) == ("Response A", "cancelled")
    assert out["missing"] == []


async def test_a_new_model_can_be_heard_without_a_say() -> None:
    """llm-council: descendants let a model on probation vote in an advisory way that does not count."""
    council = {"ann": says("tabs"), "new": says("spaces"), "other": says("spaces")}
    rule = rules.weighted({"ann": 1, "new": 0, "other": 0})
    graph = create_voting(voters=council, rule=rule, stop="all_votes")
    out = await graph.ainvoke({"question": "Tabs or spaces?"})
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("tabs", "1/1")
    assert {ballot.voter: ballot.choice for ballot in out["ballots"]}["new"] == "spaces"


async def test_peers_do_not_see_whose_answer_they_read() -> None:
    """llm-council: the answers are shown as Response A, B and so on, without the names of the models."""
    read: dict[str, str] = {}

    def member(section: Section) -> str:
        if section.data["others"]:
            read[str(section.data["debater"])] = str(section.data["others"])
        return f"answer {str(section.data['debater'])[0]}"

    council = {"anthropic": member, "openai": member, "google": member}
    await create_debate(debaters=council, max_rounds=2).ainvoke({"question": "Tabs or spaces?"})
    assert set(read) == set(council)
    for reader, text in read.items():
        assert not any(name in text for name in council)
        assert sorted(re.findall(r"answer (\w)", text)) == sorted(n[0] for n in council if n != reader)


async def test_the_place_of_an_answer_does_not_tell_who_gave_it() -> None:
    """llm-council: descendants shuffle the labels, so that no model is always Response A."""
    first: set[str] = set()

    def member(section: Section) -> str:
        others = re.findall(r"answer (\d)", str(section.data["others"]))
        first.update(others[:1])
        return f"answer {section.data['debater']}"

    council = {str(number): member for number in range(6)}
    await create_debate(debaters=council, max_rounds=2).ainvoke({"question": "Tabs or spaces?"})
    assert len(first) > 2


async def test_answers_can_be_scored_by_the_peers() -> None:
    """llm-council: descendants let the peers score each answer by a rubric, and take the middle score."""
    peers = {"r1": says(7), "r2": says(2), "r3": lambda text: 9 if "because" in text else 3}
    answers: Any = {"ann": says("tabs"), "ben": says("spaces, because they align")}
    judge = create_voting(voters=peers, rule="median", stop="all_votes")
    out = await create_best_of(drafters=answers, judge=judge).ainvoke({"task": "Tabs or spaces?"})
    assert (out["best"], [draft.score for draft in out["drafts"]]) == ("spaces, because they align", [7, 3])


async def test_members_may_revise_after_they_have_read_the_others() -> None:
    """llm-council: in deliberating descendants a member may be convinced, which is on record."""

    def firm(section: Section) -> str:
        return "spaces"

    def convinced(section: Section) -> dict[str, str]:
        choice = "spaces" if "spaces" in str(section.data["others"]) else "tabs"
        return {"choice": choice, "rationale": f"I say {choice}"}

    out = await create_debate(debaters={"ann": firm, "ben": convinced, "cas": firm}).ainvoke(
        {"question": "Tabs or spaces?"}
    )
    assert (out["verdict"].choice, str(out["verdict"].support)) == ("spaces", "3/3")
    assert [(turn.round, turn.debater) for turn in out["transcript"] if turn.changed] == [(2, "ben")]


async def test_another_way_to_aggregate_may_choose_another_response() -> None:
    """llm-council: the mean place favours what nobody minds; other rules favour what most put first."""
    rankings = [ranks("ABC"), ranks("ABC"), ranks("ABC"), ranks("BCA"), ranks("BCA")]
    assert (await ranked(*rankings, rule="borda"))["verdict"].choice == "Response B"
    assert (await ranked(*rankings, rule="instant_runoff"))["verdict"].choice == "Response A"
    assert (await ranked(*rankings, rule="schulze"))["verdict"].choice == "Response A"


# stage 3: the chairman


async def test_the_chairman_reads_every_answer_and_what_is_missing(model: str, server: ModelServer) -> None:
    """llm-council: the chairman writes the final answer from all responses."""
    server.always(Reply(text="The council says spaces."))
    council = {"ann": says("tabs align"), "ben": says(ConnectionError("secret")), "cas": says("spaces align")}
    chairman = Ask("Write the final answer.\n\n{results}\n\nNot heard: {missing}", model=model)
    out = await create_scatter_gather(sources=council, synthesizer=chairman).ainvoke(ASKED)
    prompt = server.requests[0].prompt
    assert (out["result"], len(server.requests)) == ("The council says spaces.", 1)
    assert all(text in prompt for text in ("tabs align", "spaces align", "ben"))
    assert "secret" not in prompt


async def test_if_the_chairman_fails_the_answers_are_still_there(model: str, server: ModelServer) -> None:
    """llm-council: without the chairman the result says so, and the stages before it are returned."""
    server.always(Reply(status=500))
    limits = Limits(attempts=2, backoff=0)
    chairman = Ask("{results}", model=model)
    graph = create_scatter_gather(sources={"ann": says("tabs")}, synthesizer=chairman, limits=limits)
    out = await graph.ainvoke(ASKED)
    assert (out["result"], out["results"], len(server.requests)) == (None, {"ann": "tabs"}, 2)
    assert "500" in out["run_report"].failures["synthesize"]


async def test_a_council_without_a_chairman_returns_its_best_response() -> None:
    """llm-council: with the chairman disabled the response that the peers rank first is the answer."""
    answers = {"ann": "tabs", "ben": "spaces", "cas": "both"}
    of_label = dict(zip(LABELS, answers, strict=True))
    verdict = (await ranked(ranks("BAC"), ranks("BCA"), ranks("ABC")))["verdict"]
    assert answers[of_label[verdict.choice]] == "spaces"


async def test_the_chairman_breaks_a_tie_among_the_tied_alone(model: str, server: ModelServer) -> None:
    """llm-council: in the tie-breaker mode the chairman decides, and only if the council is split."""
    server.always(Reply(json={"reason": "it is shorter", "answer": 1}))
    council = {"ann": "tabs", "ben": "spaces", "cas": "tabs", "dee": "spaces", "eve": "neither"}

    def decide(last: str) -> Any:
        voters = {name: says(answer) for name, answer in {**council, "eve": last}.items()}
        return create_voting(voters=voters, stop="all_votes", on_undecided=Judge(model)).ainvoke(
            {"question": "Tabs or spaces?"}
        )

    split = (await decide("neither"))["verdict"]
    assert (split.decided_by, split.note, len(server.requests)) == ("fallback", "it is shorter", 1)
    assert split.choice in ("tabs", "spaces")
    assert "neither" not in server.requests[0].prompt
    clear = (await decide("tabs"))["verdict"]
    assert (clear.choice, clear.decided_by, len(server.requests)) == ("tabs", "rule", 1)


async def test_the_dissent_of_the_minority_is_kept_with_its_reasons() -> None:
    """llm-council: descendants report what the minority said, and why."""
    council = {
        "ann": says({"choice": "approve", "rationale": "tests pass"}),
        "ben": says({"choice": "reject", "rationale": "no tests for errors"}),
        "cas": says({"choice": "approve", "rationale": "small change"}),
    }
    graph = create_voting(voters=council, choices=["approve", "reject"], stop="all_votes")
    verdict = (await graph.ainvoke({"question": "Merge?"}))["verdict"]
    assert [(d.voter, d.choice, d.rationale) for d in verdict.dissent] == [
        ("ben", "reject", "no tests for errors")
    ]


async def test_a_binary_verdict_has_the_confidence_of_its_supporters() -> None:
    """llm-council: the binary mode gives approved or rejected, with a confidence."""
    council = {
        "ann": says({"choice": "approved", "confidence": 0.9}),
        "ben": says({"choice": "rejected", "confidence": 0.2}),
        "cas": says({"choice": "approved", "confidence": 0.7}),
    }
    graph = create_voting(voters=council, choices=["approved", "rejected"], stop="all_votes")
    verdict = (await graph.ainvoke({"question": "Merge?"}))["verdict"]
    assert (verdict.choice, verdict.confidence) == ("approved", pytest.approx(0.8))


async def test_one_veto_can_block_and_no_further_member_is_asked() -> None:
    """llm-council: descendants have gates that a single blocking objection closes."""
    council = {"ann": says("reject"), "ben": says("approve"), "cas": says("approve")}
    graph = create_voting(voters=council, choices=["approve", "reject"], rule="unanimous")
    verdict = (await graph.ainvoke({"question": "Merge?"}))["verdict"]
    assert (verdict.choice, verdict.status) == (None, "below_threshold")
    assert verdict.asked < 3
    assert verdict.not_asked == 3 - verdict.asked


async def test_a_split_council_can_hand_the_question_to_a_person() -> None:
    """llm-council: descendants hint that a split council should be escalated; here a person may decide."""
    graph = create_voting(
        voters={"ann": says("approve"), "ben": says("reject")},
        choices=["approve", "reject"],
        rule="unanimous",
        on_undecided="escalate",
        checkpointer=InMemorySaver(),
    )
    out = await graph.ainvoke({"question": "Merge?"}, CONFIG)
    assert "Merge?" in out["__interrupt__"][0].value["action_requests"][0]["description"]
    edit = {"type": "edit", "edited_action": {"name": "decide_vote", "args": {"choice": "approve"}}}
    verdict = (await graph.ainvoke(Command(resume={"decisions": [edit]}), CONFIG))["verdict"]
    assert (verdict.choice, verdict.decided_by, str(verdict.support)) == ("approve", "person", "1/2")


async def test_members_that_repeat_each_other_are_noticed() -> None:
    """llm-council: descendants audit a council for bias; here a verdict warns of answers word for word."""
    same = {"choice": "tabs", "rationale": "Tabs let every reader choose a width."}
    own = {"choice": "tabs", "rationale": "They are a single character each."}

    async def warnings(*answers: Any) -> list[str]:
        voters = {name: says(answer) for name, answer in zip("ab", answers, strict=True)}
        out = await create_voting(voters=voters, stop="all_votes").ainvoke({"question": "Tabs?"})
        return list(out["verdict"].warnings)

    assert "word for word" in (await warnings(same, same))[0]
    assert await warnings(same, own) == []


# the whole council


async def test_a_cost_ceiling_leaves_members_out_and_names_them(model: str, server: ModelServer) -> None:
    """llm-council: descendants have a ceiling of cost, under which fewer models are asked."""
    server.always(Reply(text="tabs"))
    member = Ask("{question}", model=model)
    graph = create_scatter_gather(sources={"a": member, "b": member, "c": member}, limits={"budget_calls": 2})
    out = await graph.ainvoke(ASKED)
    assert (len(server.requests), len(out["results"]), len(out["missing"])) == (2, 2, 1)
    assert out["run_report"].status == "partial"
    assert out["branches"][out["missing"][0]].ended_by == "budget"


async def test_the_cost_of_each_member_is_known(model: str, server: ModelServer) -> None:
    """llm-council: descendants sum the costs of all stages by model."""
    server.always(Reply(text="tabs", usage=(1000, 100)))
    council = {name: Ask("{question}", model=f"openai:{name}") for name in ("big", "small")}
    limits = {"price_input": 2.0, "price_output": 10.0}
    out = await create_scatter_gather(sources=council, limits=limits).ainvoke(ASKED)
    costs = {call.target: call.usd for call in out["run_report"].calls}
    assert costs == {"big": pytest.approx(0.003), "small": pytest.approx(0.003)}
    assert out["run_report"].usd == pytest.approx(0.006)


async def test_each_member_is_reported_as_soon_as_it_has_answered(model: str, server: ModelServer) -> None:
    """llm-council: the stream tells of each model when it completes, before the stage is over."""
    gate = Gate()
    server.on("quick", Reply(text="tabs"))
    server.on("slow", Reply(text="spaces", gate=gate))
    council = {"quick": Ask("quick {question}", model=model), "slow": Ask("slow {question}", model=model)}
    finished: list[str] = []
    async for event in create_scatter_gather(sources=council).astream(ASKED, stream_mode="custom"):
        if event["event"] == "ended":
            finished.append(event["branch"][-1])
            gate.open()
    assert finished == ["quick", "slow"]


async def test_a_council_whose_chairman_has_a_bug_goes_on_from_there() -> None:
    """llm-council: a stage that is done is not run again when a later one has to be."""
    asked: list[str] = []
    mended = False

    def member(question: str) -> str:
        asked.append(question)
        return "tabs"

    def chairman(gathered: Any) -> str:
        if not mended:
            raise KeyError("final")
        return f"final: {gathered.values}"

    graph = create_scatter_gather(
        sources={"ann": member, "ben": member}, synthesizer=chairman, checkpointer=InMemorySaver()
    )
    with pytest.raises(errors.JoinError):
        await graph.ainvoke(ASKED, CONFIG)
    mended = True
    assert (await graph.ainvoke(None, CONFIG))["result"] == "final: ['tabs', 'tabs']"
    assert len(asked) == 2


async def test_a_council_may_decide_every_part_of_a_larger_question() -> None:
    """llm-council: one question is one council; here a plan may put each of its parts before one."""
    council = create_voting(voters=[lambda q: "tabs" if "C" in q else "spaces"] * 3)

    def parts(content: str) -> list[Section]:
        return [
            Section(id=part, title=part, content=f"Tabs or spaces in {part}?") for part in content.split()
        ]

    graph = create_sectioning(
        planner=parts,
        worker=council,
        synthesizer=lambda g: {s.title: value["verdict"]["choice"] for s, value in g.results},
    )
    assert (await graph.ainvoke({"content": "C Python"}))["result"] == {"C": "tabs", "Python": "spaces"}
