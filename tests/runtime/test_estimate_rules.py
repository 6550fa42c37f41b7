"""Estimates go by the rules of runs: who shares a request, what was learned, what siblings do not share."""

from pathlib import Path
from typing import Any

import pytest

from langgraph_parallel import (
    Ask,
    Limits,
    Roster,
    Section,
    aestimate,
    create_sectioning,
    create_voting,
)
from langgraph_parallel.records import Estimate, Savings
from langgraph_parallel.report.estimate import estimate_lines
from langgraph_parallel.runtime.dialect import get_dialect
from langgraph_parallel.runtime.dollars import divide, dollars
from langgraph_parallel.runtime.limiter_registry import get_limiter, reset_limits
from langgraph_parallel.runtime.models import get_endpoint
from langgraph_parallel.runtime.named_model import known_model
from langgraph_parallel.runtime.prefix_observed import observed
from langgraph_parallel.runtime.slots import Rates

MODEL = "openai:gpt-5-mini"
LONG = "The quick brown fox jumps over the lazy dog. " * 1000
SHORT = "Is it?"
ALL: dict[str, Any] = {"wave": "all", "stop": "all_votes"}


@pytest.fixture(autouse=True)
def nothing_learned(monkeypatch: pytest.MonkeyPatch) -> Any:
    """No key, and nothing that other tests have taught the process."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    reset_limits()
    yield
    reset_limits()


async def voting(question: str = LONG, **options: Any) -> Estimate:
    """Estimate a vote of nine."""
    graph = create_voting(model=MODEL, voters=9, choices=["yes", "no"], **options)
    return await aestimate(graph, {"question": question})


@pytest.mark.parametrize(
    ("question", "options"),
    [
        (LONG, {"wave": "all"}),  # a race: voters that run may be cut off
        (LONG, {"wave": 4}),
        (LONG, {**ALL, "limits": {"lane": "batch"}}),
        (LONG, {**ALL, "limits": {"hedge": "p95"}}),
        (LONG, {**ALL, "limits": {"samples": "off"}}),
        (SHORT, ALL),
    ],
)
async def test_samples_save_nothing_where_a_run_shares_no_request(
    question: str, options: dict[str, Any]
) -> None:
    """Neither in what is expected, nor, where requests cannot be shared, in what could be saved."""
    estimate = await voting(question, **options)
    assert estimate.savings.samples == 0
    can_be_switched_on = question == SHORT or options.get("limits") == {"samples": "off"}
    assert (estimate.could_save.samples > 0) is can_be_switched_on


@pytest.mark.parametrize(
    "options", [{}, ALL, {"wave": 4, "race": False}, {"wave": "all", "race": False}, {"shadow": True}]
)
async def test_samples_save_where_a_run_shares_requests(options: dict[str, Any]) -> None:
    """In lossless waves, and where nobody is cut off."""
    assert (await voting(**options)).savings.samples > 0


async def test_voters_at_temperature_0_and_of_other_waves_share_nothing() -> None:
    """All samples would be one; and each wave has a request of its own."""
    for temperature, shared in ((0, False), (0.7, True)):
        graph = create_voting(voters=Roster(3, temperatures=[temperature]), model=MODEL, **ALL)
        assert ((await aestimate(graph, {"question": LONG})).savings.samples > 0) is shared
    one = await voting(wave="all", race=False, stop="all_votes")
    three = await voting(wave=3, race=False, stop="all_votes")
    assert one.expected_usd is not None
    assert three.expected_usd is not None
    assert three.expected_usd > one.expected_usd


async def test_a_batch_is_priced_without_shared_requests_and_leaders() -> None:
    """What it would save is the difference to a run that really uses it."""
    live = await voting(**ALL)
    batch = await voting(**ALL, limits={"lane": "batch"})
    assert live.expected_usd is not None
    assert batch.expected_usd is not None
    assert live.could_save.batch == pytest.approx(max(0.0, live.expected_usd - batch.expected_usd))
    raced, raced_batch = await voting(wave="all"), await voting(wave="all", limits={"lane": "batch"})
    assert raced.expected_usd is not None
    assert raced_batch.expected_usd is not None
    assert raced.could_save.batch == pytest.approx(max(0.0, raced.expected_usd - raced_batch.expected_usd))


async def test_no_more_voters_share_a_request_than_the_endpoint_answers() -> None:
    """An endpoint that has answered four of nine is asked for no more; twice one, and it is asked for one."""
    before = await voting(**ALL)
    get_dialect("https://api.openai.com/v1/", "gpt-5-mini").samples.note_count(4, 9)
    after = await voting(**ALL)
    assert before.expected_usd is not None
    assert after.expected_usd is not None
    assert after.expected_usd > before.expected_usd
    for _ in range(2):
        get_dialect("https://api.openai.com/v1/", "gpt-5-mini").samples.note_count(1, 4)
    assert (await voting(**ALL)).savings.samples == 0


@pytest.mark.parametrize("base_url", [None, "http://127.0.0.1:1/v1"])
async def test_what_was_learned_counts_for_a_model_that_is_named(
    base_url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the endpoint that the environment names, without a key, and without a request."""
    if base_url is not None:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    made = known_model(MODEL)
    assert made is not None
    endpoint = get_endpoint(made)
    assert endpoint == (base_url or "https://api.openai.com/v1") + "/"
    before = await voting(SHORT)
    slot = await get_limiter(endpoint, "gpt-5-mini").acquire(Rates.of(Limits()))
    get_limiter(endpoint, "gpt-5-mini").release(slot, answered=True, tokens=60, answer=10)
    after = await voting(SHORT)
    assert before.expected_usd is not None
    assert after.expected_usd is not None
    assert after.expected_usd < before.expected_usd / 2
    assert after.usd == before.usd


async def test_leaders_that_were_not_worth_it_save_nothing() -> None:
    """Where followers did not find what their leaders had sent, the cache is not counted on."""
    off: dict[str, Any] = {**ALL, "limits": {"samples": "off"}}
    assert (await voting(**off)).savings.caching > 0
    for _ in range(8):
        observed("https://api.openai.com/v1/", "gpt-5-mini").note_follower(expected=5000, read=0)
    after = await voting(**off)
    assert (after.savings.caching, after.could_save.caching) == (0, 0)


async def sections(**options: Any) -> Estimate:
    """Estimate four sections with the same long text each."""
    worker = Ask("{title} {content}", model=MODEL, **options)
    graph = create_sectioning(
        planner=lambda given: [Section(id=f"s{n}", title=str(n), content=LONG) for n in range(4)],
        worker=worker,
    )
    return await aestimate(graph, {"content": "go"})


async def test_a_long_value_that_siblings_do_not_share_is_named() -> None:
    """With what it would save; nothing is said once it is shared."""
    apart, shared = await sections(), await sections(shared=["content"])
    (note,) = apart.notes
    assert "equal long value of 'content'" in note
    assert f"Ask(shared=['content']) would save {dollars(apart.could_save.caching)}." in note
    assert shared.notes == []
    assert apart.expected_usd is not None
    assert shared.expected_usd is not None
    assert apart.could_save.caching == pytest.approx(apart.expected_usd - shared.expected_usd, rel=0.1)
    assert (await voting()).notes == []


async def test_a_cache_of_answers_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has kept is not counted; nothing is said where none is used."""
    for options in ({"cache": tmp_path / "a"}, {}):
        notes = (await voting(SHORT, **options)).notes
        assert [note.partition(" are ")[0] for note in notes] == (
            ["Answers that the cache of answers has kept"] if options else []
        )
    assert (await sections(shared=["content"], cache=tmp_path / "b")).notes != []


async def test_hedges_count_twice_in_the_greatest_cost() -> None:
    """Each slow request may be sent a second time."""
    plain, hedged = await voting(SHORT), await voting(SHORT, limits=Limits(hedge=2.0))
    assert plain.usd is not None
    assert hedged.usd == pytest.approx(2 * plain.usd)
    assert hedged.most_calls == 2 * plain.most_calls


@pytest.mark.parametrize("usd", [0.02411, 0.0241, 1.005, 123.456, 0.0000171, 0.1])
def test_what_is_expected_is_never_shown_above_the_greatest_cost(usd: float) -> None:
    """Also where both are equal."""
    lines = estimate_lines(Estimate(calls=1, most_calls=1, usd=usd, expected_calls=1, expected_usd=usd))
    assert lines[0].endswith(" if no request has to be repeated.")
    most = float(lines[0].partition("at most $")[2].split()[0].replace(",", ""))
    expected = float(lines[1].partition("about $")[2].rstrip("."))
    assert usd <= most
    assert expected <= most


@pytest.mark.parametrize("paid", [0.0, 0.02411, 9.99999, 0.000333, 41.0])
def test_printed_savings_add_up(paid: float) -> None:
    """What was paid and what each cause has saved is what it would have been alone, as printed."""
    saved = {"caching": 0.0333333, "batch": 0.3333333, "samples": -0.0111111, "stopping": 0.0}
    amounts = divide(paid, saved)
    texts = [amounts.paid, *amounts.less.values()]
    less = sum(float(text[1:]) for text in texts) - sum(float(text[1:]) for text in amounts.more.values())
    assert less == pytest.approx(float(amounts.alone[1:]), abs=1e-9)
    assert "stopping" not in {**amounts.less, **amounts.more}
    assert len({len(text.partition(".")[2]) for text in [amounts.alone, *texts]}) == 1


def test_all_sentences_begin_with_capitals() -> None:
    """Of an estimate with all levers switched off."""
    could = Savings(caching=1, batch=1, samples=1)
    lines = estimate_lines(Estimate(calls=1, usd=9, expected_calls=1, expected_usd=5, could_save=could))
    assert all(line[0].isupper() or line[0].isdigit() for line in lines)
    assert all(line.endswith(".") for line in lines)
    text = "\n".join(lines)
    assert all(option in text for option in ("--batch", "lane='batch'", "--samples on", "samples='on'"))
