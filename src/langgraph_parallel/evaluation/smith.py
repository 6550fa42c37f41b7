"""Where the items of an evaluation come from, and where its answers go besides the store."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from langgraph_parallel.errors import UsageError
from langgraph_parallel.evaluation import langsmith
from langgraph_parallel.evaluation.board import Board
from langgraph_parallel.evaluation.items import Item, read_items
from langgraph_parallel.evaluation.result import Evaluation
from langgraph_parallel.evaluation.variants import Variant
from langgraph_parallel.scale.rows import Result

if TYPE_CHECKING:
    from langsmith import Client


class Smith:
    """The dataset of an evaluation, which may be LangSmith's, and its experiments.

    Args:
        dataset: whatever `read_items` reads, or `langsmith:NAME`.
        experiment: beginning of the names of experiments; None for none.
        client: of LangSmith; None for one of the environment.
    """

    def __init__(self, dataset: Any, experiment: str | None, client: "Client | None") -> None:
        is_named = isinstance(dataset, str) and dataset.startswith(langsmith.SCHEME)
        self._name = dataset.removeprefix(langsmith.SCHEME) if is_named else ""
        if is_named and not self._name:
            raise UsageError("dataset is 'langsmith:'; write the name of a dataset after it")
        self._dataset, self._experiment, self._given = dataset, experiment, client
        self._examples: langsmith.Examples | None = None

    async def read(self, *, key: str | None, expected: str | None, needs_expected: bool) -> list[Item]:
        """Read the items.

        Raises:
            UsageError: they cannot be read.
        """
        if not self._name:
            return await read_items(self._dataset, key=key, expected=expected, needs_expected=needs_expected)
        if key is not None:
            raise UsageError(f"key is {key!r}, and examples of LangSmith have ids of their own; leave it out")
        rows = await asyncio.to_thread(langsmith.read_dataset, self._name, self._client, expected)
        found = await read_items(rows, key=langsmith.KEY, expected=expected, needs_expected=needs_expected)
        return [item._replace(data=_without_key(item)) for item in found]

    async def recorded(self, variants: Mapping[str, Variant]) -> dict[str, dict[str, Result]]:
        """Return the answers of those variants that are experiments, by name and key.

        Raises:
            UsageError: one cannot be read, or the items are not those of LangSmith.
        """
        found = {}
        for name, variant in variants.items():
            graph = variant.graph
            if not isinstance(graph, str) or not graph.startswith(langsmith.SCHEME):
                continue
            if not self._name:
                raise UsageError(
                    f"variant {name!r} is an experiment of LangSmith, whose answers are to examples; the "
                    "dataset must be theirs: langsmith:NAME"
                )
            experiment = graph.removeprefix(langsmith.SCHEME)
            found[name] = await asyncio.to_thread(langsmith.read_experiment, experiment, self._client)
        return found

    async def prepare(self, items: Sequence[Item]) -> None:
        """Find or write the examples of the items, before anything is paid for.

        Raises:
            UsageError: LangSmith cannot be reached, or refuses them.
        """
        if self._experiment is not None:
            name = self._name or self._experiment
            find = langsmith.find_dataset if self._name else langsmith.write_dataset
            self._examples = await asyncio.to_thread(find, name, items, self._client)

    async def write(self, evaluation: Evaluation, items: Sequence[Item], board: Board) -> Evaluation:
        """Write the experiments, and return the evaluation with their names in its remarks.

        What LangSmith refuses is a remark: the result is there, and was paid for.
        """
        if self._experiment is None or self._examples is None:
            return evaluation
        try:
            names = await asyncio.to_thread(
                langsmith.write_experiments,
                self._experiment,
                self._examples,
                items,
                board,
                evaluation,
                self._client,
            )
            said = f"experiments of LangSmith: {', '.join(names)}"
        except UsageError as error:
            said = str(error)
        return evaluation.model_copy(update={"remarks": [*evaluation.remarks, said]})

    @property
    def _client(self) -> "Client":
        if self._given is None:
            self._given = langsmith.make_client()
        return self._given


def _without_key(item: Item) -> dict[str, Any]:
    return {name: value for name, value in item.data.items() if name != langsmith.KEY}
