"""Datasets and experiments of LangSmith, on a fake of its API."""

from collections.abc import Iterator

import pytest

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation import evaluate, exact
from tests.evaluation.fake_langsmith import FakeLangSmith, langsmith
from tests.evaluation.programs import items, right, strong, weak


@pytest.fixture
def smith() -> Iterator[FakeLangSmith]:
    """The fake."""
    with langsmith() as fake:
        yield fake


def test_a_dataset_is_read_and_its_outputs_are_expected(smith: FakeLangSmith) -> None:
    """The inputs are the columns; variants see neither the outputs nor the id."""
    examples = [({"question": f"Is {n} a number?"}, {"answer": "yes"}) for n in range(30)]
    smith.add("numbers", [*examples])
    seen: set[str] = set()

    def looks(item: dict[str, str]) -> str:
        seen.update(item)
        return "yes"

    found = evaluate({"weak": weak, "looks": looks}, "langsmith:numbers", client=smith.client, stop=False)
    assert (found.items, found.variant("looks").score) == (30, 1.0)
    assert seen == {"question"}


def test_one_of_several_outputs_is_named(smith: FakeLangSmith) -> None:
    """By `expected`, as a column of a file."""
    smith.add("numbers", [({"question": "a"}, {"answer": "no", "gold": "yes"}) for _ in range(3)])
    yes = {"one": lambda question: "yes", "other": lambda question: "yes"}
    found = evaluate(yes, "langsmith:numbers", client=smith.client, expected="gold")
    assert found.variant("one").score == 1.0


def test_answers_are_written_as_experiments_of_their_dataset(smith: FakeLangSmith) -> None:
    """An experiment for each variant, a run for each answer, its score as feedback."""
    smith.add("numbers", [({"question": f"Is {n} a number?"}, {"answer": "yes"}) for n in range(6)])
    found = evaluate(
        {"weak": weak, "strong": strong},
        "langsmith:numbers",
        client=smith.client,
        experiment="trial",
        stop=False,
    )
    assert [one["name"].rpartition(" ")[0] for one in smith.experiments] == ["trial weak", "trial strong"]
    dataset = smith.datasets["numbers"]["id"]
    assert {one["reference_dataset_id"] for one in smith.experiments} == {dataset}
    assert len(smith.runs) == 12
    examples = {one["id"] for one in smith.examples}
    assert {run["reference_example_id"] for run in smith.runs.values()} == examples
    scores = [one["score"] for one in smith.feedback if one["key"] == "exact"]
    assert len(scores) == 12
    assert sum(scores) == 6 * ((found.variant("weak").score or 0) + (found.variant("strong").score or 0))
    assert any("experiments of LangSmith: trial weak" in remark for remark in found.remarks)


def test_an_experiment_is_a_variant_that_is_not_asked(smith: FakeLangSmith) -> None:
    """Its answers are those that were written, with the cost that LangSmith knows."""
    smith.add("numbers", [({"question": f"Is {n} a number?"}, {"answer": "yes"}) for n in range(8)])
    variants = {"weak": weak, "strong": strong}
    first = evaluate(
        variants, "langsmith:numbers", client=smith.client, experiment="trial", stop=False, seed=1
    )
    recorded = {"was weak": f"langsmith:{smith.experiments[0]['name']}", "strong": strong}
    again = evaluate(recorded, "langsmith:numbers", client=smith.client, stop=False)
    assert again.variant("was weak").score == first.variant("weak").score
    assert again.variant("was weak").usd == 0.25
    assert again.comparisons[0].difference == first.comparisons[0].difference
    with pytest.raises(UsageError, match="experiments have one answer to an example"):
        evaluate(recorded, "langsmith:numbers", client=smith.client, repeats=2)
    with pytest.raises(UsageError, match="the dataset must be theirs"):
        evaluate(recorded, items(3), client=smith.client)
    with pytest.raises(UsageError, match="the experiment 'none' cannot be read"):
        evaluate({**recorded, "none": "langsmith:none"}, "langsmith:numbers", client=smith.client)


def test_items_of_a_file_become_a_dataset_once(smith: FakeLangSmith) -> None:
    """Items that are there are not written again."""
    for number in (4, 4, 5):
        variants = {"weak": weak, "strong": strong}
        evaluate(
            variants, items(number), right, key="id", client=smith.client, experiment="trial", stop=False
        )
    assert list(smith.datasets) == ["trial"]
    assert [one["outputs"] for one in smith.examples] == [{"expected": "yes"}] * 5
    assert {one["inputs"]["id"] for one in smith.examples} == {f"q{n}" for n in range(5)}


def test_what_langsmith_cannot_give_ends_it_before_anything_is_asked(smith: FakeLangSmith) -> None:
    """A dataset that is not there, or has no examples, or a key that it has none of."""
    asked: list[str] = []
    variants = {"one": lambda row: asked.append(row), "other": lambda row: asked.append(row)}
    for dataset, said in [("langsmith:none", "'none' cannot be read"), ("langsmith:", "write the name")]:
        with pytest.raises(UsageError, match=said):
            evaluate(variants, dataset, exact(), client=smith.client)
    smith.add("empty", [])
    with pytest.raises(UsageError, match="the dataset has no examples"):
        evaluate(variants, "langsmith:empty", client=smith.client)
    with pytest.raises(UsageError, match="have ids of their own"):
        evaluate(variants, "langsmith:empty", key="id", client=smith.client)
    assert not asked
