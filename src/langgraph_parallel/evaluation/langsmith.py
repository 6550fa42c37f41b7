"""LangSmith: datasets as items, and the answers of variants as experiments."""

import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation.board import Board
from langgraph_parallel.evaluation.items import EXPECTED, Item, repeated
from langgraph_parallel.evaluation.result import Evaluation
from langgraph_parallel.evaluation.variants import KEPT
from langgraph_parallel.runtime.redact import describe
from langgraph_parallel.scale.rows import Result, RowStatus, Spent

if TYPE_CHECKING:
    from langsmith import Client
    from langsmith.schemas import Run, TracerSession

SCHEME = "langsmith:"
KEY = "example_id"
"""Column of the ids of examples, which are the keys."""
_AT_ONCE = 100


@dataclass(frozen=True)
class Examples:
    """A dataset of LangSmith.

    Attributes:
        id: of the dataset.
        by_key: id of the example of each item.
    """

    id: uuid.UUID
    by_key: Mapping[str, uuid.UUID]


def make_client() -> "Client":
    """Return a client of the environment: LANGSMITH_API_KEY, LANGSMITH_ENDPOINT."""
    from langsmith import Client

    return Client()


def read_dataset(name: str, client: "Client", expected: str | None = None) -> list[dict[str, Any]]:
    """Read a dataset as items: the inputs of an example are its columns, its outputs what is expected.

    Args:
        name: of the dataset.
        client: of LangSmith.
        expected: key of the outputs that is expected. Default: the only one, or all of them.

    Returns:
        Items with `example_id`, and what is expected in the column of that name.

    Raises:
        UsageError: it cannot be read, or has no examples.
    """
    with _explained(f"the dataset {name!r} cannot be read"):
        examples = list(client.list_examples(dataset_name=name))
    if not examples:
        raise UsageError(f"{SCHEME}{name}: the dataset has no examples")
    column = expected or EXPECTED
    return [
        {**(one.inputs or {}), KEY: str(one.id), column: _expected(one.outputs or {}, expected)}
        for one in examples
    ]


def read_experiment(name: str, client: "Client") -> dict[str, Result]:
    """Read the answers of an experiment, by the ids of their examples.

    Args:
        name: of the experiment.
        client: of LangSmith.

    Raises:
        UsageError: it cannot be read, or has no answers to examples.
    """
    with _explained(f"the experiment {name!r} cannot be read"), warnings.catch_warnings():
        # What is to replace it needs a newer client and, where it is self-hosted, a newer server.
        warnings.simplefilter("ignore", DeprecationWarning)
        listed = list(client.list_runs(project_name=name, is_root=True))
    runs = [one for one in listed if one.reference_example_id]
    if not runs:
        raise UsageError(f"{SCHEME}{name}: the experiment has no answers to examples of a dataset")
    return {str(one.reference_example_id): _answered(one) for one in runs}


def _answered(run: "Run") -> Result:
    seconds = 0.0 if run.end_time is None else (run.end_time - run.start_time).total_seconds()
    usd = None if run.total_cost is None else float(run.total_cost)
    spent = Spent(0, run.prompt_tokens or 0, run.completion_tokens or 0, usd)
    status: RowStatus = "failed" if run.error else "ok"
    return Result(str(run.reference_example_id), status, run.outputs or {}, run.error or "", spent, seconds)


def write_dataset(name: str, items: Sequence[Item], client: "Client") -> Examples:
    """Write items as a dataset; those that are there are left as they are.

    Args:
        name: of the dataset; it is created if there is none.
        items: whose columns become the inputs, and what is expected the output `expected`.
        client: of LangSmith.

    Raises:
        UsageError: it cannot be written.
    """
    with _explained(f"the dataset {name!r} cannot be written"):
        is_there = client.has_dataset(dataset_name=name)
        dataset = client.read_dataset(dataset_name=name) if is_there else client.create_dataset(name)
        ids = {item.key: uuid.uuid5(dataset.id, item.key) for item in items}
        known = {one.id for one in client.list_examples(dataset_id=dataset.id)} if is_there else set()
        new = [item for item in items if ids[item.key] not in known]
        for start in range(0, len(new), _AT_ONCE):
            some = [_example(item, ids[item.key]) for item in new[start : start + _AT_ONCE]]
            client.create_examples(dataset_id=dataset.id, examples=some)
    return Examples(dataset.id, ids)


def find_dataset(name: str, items: Sequence[Item], client: "Client") -> Examples:
    """Return a dataset whose examples were read as items.

    Raises:
        UsageError: it cannot be read.
    """
    with _explained(f"the dataset {name!r} cannot be read"):
        dataset = client.read_dataset(dataset_name=name)
    return Examples(dataset.id, {item.key: uuid.UUID(item.key) for item in items})


def write_experiments(
    prefix: str,
    examples: Examples,
    items: Sequence[Item],
    board: Board,
    evaluation: Evaluation,
    client: "Client",
) -> list[str]:
    """Write an experiment for each variant: a run for each answer, with its scores as feedback.

    Args:
        prefix: of the names of the experiments.
        examples: of the dataset.
        items: in the order in which they were asked.
        board: answers and scores.
        evaluation: what was found, for the metadata.
        client: of LangSmith.

    Returns:
        The names of the experiments.

    Raises:
        UsageError: they cannot be written.
    """
    names, mark = [], uuid.uuid4().hex[:8]
    with _explained("the experiments cannot be written"):
        for variant, rows in board.rows.items():
            name = f"{prefix} {variant} {mark}"
            metadata = {
                "variant": variant,
                "scorer": evaluation.scorer,
                **evaluation.variant(variant).model_dump(mode="json", exclude_none=True, exclude={"parts"}),
            }
            project = client.create_project(name, reference_dataset_id=examples.id, metadata=metadata)
            for item in items:
                for one in repeated(item, evaluation.repeats):
                    if (row := rows.get(one.key)) is not None:
                        score = board.scores[variant].get(one.key)
                        scores = {} if score is None else {evaluation.scorer: score.value, **score.parts}
                        _write_run(client, project, variant, item, examples.by_key[item.key], row, scores)
            names.append(name)
        client.flush()
    return names


def _write_run(
    client: "Client",
    project: "TracerSession",
    variant: str,
    item: Item,
    example: uuid.UUID,
    row: Result,
    scores: Mapping[str, float],
) -> None:
    id, ended = uuid.uuid4(), datetime.now(UTC)
    started = ended - timedelta(seconds=row.seconds)
    client.create_run(
        variant,
        dict(item.data),
        "chain",
        project_name=project.name,
        id=id,
        trace_id=id,
        dotted_order=f"{started:%Y%m%dT%H%M%S%f}Z{id}",
        start_time=started,
        end_time=ended,
        outputs={name: value for name, value in row.output.items() if name != KEPT},
        error=row.error or None,
        reference_example_id=example,
        extra={"metadata": {"calls": row.spent.calls, "usd": row.spent.usd, "key": row.key}},
    )
    for key, value in scores.items():
        client.create_feedback(id, key, score=value, trace_id=id, session_id=project.id, start_time=started)


def _expected(outputs: Mapping[str, Any], expected: str | None) -> Any:
    if expected is not None:
        return outputs.get(expected)
    return next(iter(outputs.values())) if len(outputs) == 1 else dict(outputs) or None


def _example(item: Item, id: uuid.UUID) -> dict[str, Any]:
    from langsmith.schemas import ExampleCreate

    named = "reference_outputs" if "reference_outputs" in ExampleCreate.model_fields else "outputs"
    outputs = None if item.expected is None else {EXPECTED: item.expected}
    return {"id": id, "inputs": dict(item.data), named: outputs, "metadata": {"key": item.key}}


@contextmanager
def _explained(what: str) -> Iterator[None]:
    from langsmith.utils import LangSmithError

    try:
        yield
    except (LangSmithError, OSError) as error:
        raise UsageError(f"LangSmith: {what}: {describe(error)}") from error
