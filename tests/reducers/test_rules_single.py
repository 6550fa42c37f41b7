"""The rules that choose one voter's answer: `first_valid` and `most_similar`."""

from typing import Any

from langgraph_parallel import create_voting
from langgraph_parallel.reducers.votes.rules import first_valid, most_similar
from tests.support.ballots import tally, tally_with_failures

# most_similar


def test_the_most_similar_text_is_the_one_most_like_the_others() -> None:
    """It is neither the longest nor the first; the caller may pass another measure."""
    texts = (
        "the cache is never invalidated",
        "the loop variable shadows the builtin",
        "the cache is never invalidated after a write, so reads are stale",
        "reads are stale after a write because nobody invalidates the cache",
    )
    verdict = most_similar()(tally(*texts))
    assert verdict.choice == texts[2]
    assert [count.weight for count in verdict.counts] == sorted(
        (c.weight for c in verdict.counts), reverse=True
    )
    by_length = most_similar(measure=lambda one, other: -abs(len(one) - len(other)))
    assert by_length(tally("aa", "a", "aaaaaaaa", "aaa")).choice == "aa"
    assert most_similar()(tally("alone")).counts[0].weight == 1


# first_valid


def test_the_first_valid_answer_is_the_earliest_voters() -> None:
    """A failed voter is skipped; support is the voters with an equal answer."""
    verdict = first_valid()(tally_with_failures(None, "second", "third", "second"))
    assert (verdict.choice, str(verdict.support), verdict.failed) == ("second", "2/3", 1)


async def test_first_valid_asks_one_after_another() -> None:
    """The second voter is asked because the first gives no valid answer; the third is not asked."""
    asked: list[str] = []

    def voter(name: str, answer: str) -> Any:
        def vote(question: str) -> str:
            asked.append(name)
            return answer

        return vote

    voters = {"a": voter("a", "garbage"), "b": voter("b", "yes"), "c": voter("c", "no")}
    out = await create_voting(voters=voters, choices=["yes", "no"], rule="first_valid").ainvoke(
        {"question": "?"}
    )
    assert (out["verdict"].choice, asked, out["verdict"].abstained) == ("yes", ["a", "b"], 1)
