"""What is learned of an endpoint that is asked for several samples: refusals, counts, copies."""

import pytest

from langgraph_parallel.runtime.failure import Failure
from langgraph_parallel.runtime.kinds import Kind
from langgraph_parallel.runtime.sample_post import split_completion
from langgraph_parallel.runtime.sample_support import MOST, SampleSupport

PROSE = "The claim holds, since the argument of the second section covers every case that there is. " * 3
FORM = "a schema"


def said(*texts: str) -> list[dict[str, str]]:
    """Messages of samples."""
    return [{"content": text} for text in texts]


@pytest.mark.parametrize(
    "message",
    [
        "n must be 1 when using greedy sampling, got 3.",
        "'n' : number must be at most 1",
        "Only one completion choice is allowed",
        "this model does not support parameters: {'n': 5}",
        "`n` > 1 is not supported",
        "[('body', 'n')]: Input should be less than or equal to 1",
        "Number of choices must be 1",
        "multiple candidates is not enabled for this model",
        "Invalid value for candidateCount",
    ],
)
def test_refusals_that_name_the_samples(message: str) -> None:
    """These wordings switch them off at once."""
    support = SampleSupport()
    support.note_refused(Failure("request", 400, message))
    assert support.most(FORM) == 1
    assert "refuses several samples" in support.remarks()[0]


@pytest.mark.parametrize(
    "message",
    [
        "we don't know",
        "line 1\\n is wrong",
        "an invalid name",
        "N/A",
        "max_tokens must be > 1",
        "context is full",
    ],
)
def test_refusals_that_do_not(message: str) -> None:
    """Other words that have an n in them say nothing of samples."""
    support = SampleSupport()
    support.note_refused(Failure("request", 400, message))
    assert support.most(FORM) == MOST


@pytest.mark.parametrize(
    ("kind", "at_first", "later"),
    [
        ("request", True, True),
        ("option", True, True),
        ("server", True, False),
        ("timeout", True, False),
        ("connection", True, False),
        ("throttled", False, False),
        ("overloaded", False, False),
        ("key", False, False),
        ("quota", False, False),
        ("filter", False, False),
    ],
)
def test_which_failures_may_be_due_to_samples(kind: Kind, *, at_first: bool, later: bool) -> None:
    """Until it has answered once, all that would not fail a single request as well; then only refusals."""
    support = SampleSupport()
    assert support.may_mean(Failure(kind), names_other=False) is at_first
    assert not support.may_mean(Failure(kind), names_other=True)
    support.note_count(3, 3)
    assert support.may_mean(Failure(kind), names_other=False) is later


def test_a_failure_that_may_pass_has_to_go_away_twice() -> None:
    """One may be chance; a refusal is none."""
    support = SampleSupport()
    support.went_away(Failure("server", 500))
    assert support.most(FORM) == MOST
    support.went_away(Failure("timeout"))
    assert support.most(FORM) == 1
    support = SampleSupport()
    support.went_away(Failure("request", 422))
    assert support.most(FORM) == 1


@pytest.mark.parametrize(("answered", "most"), [(5, MOST), (7, MOST), (4, 4), (2, 2), (1, 1)])
def test_as_many_are_asked_for_as_were_given(answered: int, most: int) -> None:
    """Of five that were asked for."""
    support = SampleSupport()
    support.note_count(answered, 5)
    assert support.most(FORM) == most


@pytest.mark.parametrize(("counts", "most"), [((1,), MOST), ((1, 1), 1), ((3, 2), 3), ((2, 5, 2), MOST)])
def test_one_odd_answer_is_chance_and_two_in_a_row_are_not(counts: tuple[int, ...], most: int) -> None:
    """If five were given before, of five that were asked for."""
    support = SampleSupport()
    for count in (5, *counts):
        support.note_count(count, 5)
    assert support.most(FORM) == most


@pytest.mark.parametrize("given", [(), (4,)], ids=["at first", "later"])
def test_streams_that_lack_samples_say_nothing(given: tuple[int, ...]) -> None:
    """They may have been cut, or the server streams one only; whole answers tell."""
    support = SampleSupport()
    for count in given:
        support.note_count(count, 4)
    for _ in range(3):
        support.note_count(1, 4, streamed=True)
    assert support.most(FORM) == MOST
    support.note_count(2, 6)
    support.note_count(2, 6)
    assert support.most(FORM) == 2


LARGER = [
    "Request too large for m-1 on tokens per min (TPM): Limit 30000, Requested 51234.",
    "The input or output tokens must be reduced in order to run successfully.",
    "Rate limit: 8,000 tokens per minute (limit: 8,000, requested: 12,500)",
    "requested 90000 tokens, limit 10000 tokens per min",
    "Please reduce your message size and try again.",
    "multiple completions are not available at this rate",
]
LATER_ON = [
    "Rate limit reached on tokens per min (TPM): Limit 30000, Used 29500, Requested 2100. Try again in 2 s.",
    "Too many requests, please slow down and try again.",
    "The engine is overloaded.",
    "Requests to this deployment have exceeded the rate limit; large volumes need a higher tier.",
]


@pytest.mark.parametrize("kind", ["throttled", "overloaded"])
@pytest.mark.parametrize(
    ("message", "expected"), [*((m, True) for m in LARGER), *((m, False) for m in LATER_ON)]
)
def test_a_request_that_is_too_large_for_its_rate_may_not_be_for_one(
    kind: Kind, message: str, *, expected: bool
) -> None:
    """Waiting does not help with it, whatever was answered before; with others, it does."""
    support, failure = SampleSupport(), Failure(kind, 429, message)
    for _ in range(2):
        assert support.may_mean(failure, names_other=False) is expected
        support.note_count(3, 3)
    support.note_refused(failure)
    assert support.most(FORM) == MOST  # until it has gone away


def test_what_is_too_large_at_times_is_asked_for_again() -> None:
    """The size of a prompt is its own; where none is answered in between, several are."""
    failure = Failure("throttled", 429, "Request too large")
    support = SampleSupport()
    for _ in range(3):
        support.went_away(failure)
        support.note_count(3, 3)
    assert support.most(FORM) == MOST
    support.went_away(failure)
    support.went_away(failure)
    assert support.most(FORM) == 1


@pytest.mark.parametrize(
    ("kind", "status", "at_first"),
    [
        ("quota", 402, True),
        ("permission", 403, True),
        ("address", 405, True),
        ("key", 401, False),
        ("quota", 429, False),
        ("address", 404, False),
        ("model", 404, False),
    ],
)
def test_a_status_of_the_account_may_be_due_to_samples_until_several_were_answered(
    kind: Kind, status: int, *, at_first: bool
) -> None:
    """Some servers refuse what they do not sell as if the account, or the address, were wrong."""
    support, failure = SampleSupport(), Failure(kind, status, "not possible")
    assert support.may_mean(failure, names_other=False) is at_first
    support.note_count(2, 2)
    assert not support.may_mean(failure, names_other=False)
    named = Failure(kind, status, "more than one completion is not in your plan")
    assert support.may_mean(named, names_other=False)
    support = SampleSupport()
    support.went_away(failure)
    assert support.most(FORM) == 1


def test_samples_that_are_all_equal_are_copies() -> None:
    """One counts; no further request asks for several, for answers of any form."""
    support = SampleSupport()
    assert support.select(said(PROSE, PROSE, PROSE), FORM, None) == [0]
    assert support.most(FORM) == support.most("another") == 1
    assert "copies" in support.remarks()[0]


def test_labels_that_are_all_equal_are_copies_for_their_form_alone() -> None:
    """They do not count either, but may be chance: longer answers are still asked for together."""
    support = SampleSupport()
    assert support.select(said("yes", "yes", "yes"), FORM, 1.0) == [0]
    assert (support.most(FORM), support.most("prose")) == (1, MOST)


def test_equal_labels_count_once_the_endpoint_has_given_different_answers() -> None:
    """It samples, so they are votes."""
    support = SampleSupport()
    assert support.select(said("yes", "no", "yes"), FORM, None) == [0, 1, 2]
    assert support.select(said("yes", "yes", "yes"), FORM, None) == [0, 1, 2]
    assert support.most(FORM) == MOST
    assert support.remarks() == []


@pytest.mark.parametrize(("temperature", "count"), [(None, 2), (0.5, 2), (1.0, 2), (0.2, 3)])
def test_long_answers_are_equal_by_chance_only_at_low_temperatures(
    temperature: float | None, count: int
) -> None:
    """Two of three are the same, word for word."""
    support = SampleSupport()
    assert len(support.select(said(PROSE, "no: " + PROSE, PROSE), FORM, temperature)) == count
    assert (support.most(FORM) == 1) is (count == 2)


def test_answers_without_words_are_no_copies() -> None:
    """Empty answers and refusals say the same in many cases."""
    support = SampleSupport()
    assert support.select(said("", "", ""), FORM, None) == [0, 1, 2]
    refusal = {"content": None, "refusal": "I'm sorry, but I cannot help with that."}
    assert support.select([refusal, refusal], FORM, None) == [0, 1]
    assert support.most(FORM) == MOST


def test_thinking_tells_answers_apart() -> None:
    """The same label after different thoughts is a sample of its own."""
    support = SampleSupport()
    thought = [{"content": "yes", "reasoning_content": f"reason {n}"} for n in range(3)]
    assert support.select(thought, FORM, None) == [0, 1, 2]


def test_counts_of_any_provider_add_up() -> None:
    """Those of the answers are divided, all others are of the first one."""
    counts = {
        "prompt_tokens": 100,
        "completion_tokens": 11,
        "total_tokens": 111,
        "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": None},
        "completion_tokens_details": {"reasoning_tokens": 7},
        "prompt_cache_hit_tokens": 64,
        "cost": 0.25,
    }
    choices = [{"message": {"content": str(n)}} for n in range(3)]
    parts = [part["usage"] for part in split_completion({"choices": choices, "usage": counts}, 3)]
    assert [p["prompt_tokens"] for p in parts] == [100, 0, 0]
    assert [p["completion_tokens"] for p in parts] == [4, 4, 3]
    assert [p["total_tokens"] for p in parts] == [104, 4, 3]
    assert [p["prompt_tokens_details"]["cached_tokens"] for p in parts] == [64, 0, 0]
    assert [p["completion_tokens_details"]["reasoning_tokens"] for p in parts] == [3, 2, 2]
    assert [p["prompt_cache_hit_tokens"] for p in parts] == [64, 0, 0]


@pytest.mark.parametrize("counts", [None, "many", 3, {}])
def test_counts_that_are_none_do_no_harm(counts: object) -> None:
    """A server may count nothing."""
    body = {"choices": [{"message": {"content": "a"}}, {"message": {"content": "b"}}], "usage": counts}
    assert [part["choices"][0]["message"]["content"] for part in split_completion(body, 2)] == ["a", "b"]
