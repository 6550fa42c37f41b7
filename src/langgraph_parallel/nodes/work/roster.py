"""Several that ask models, dealt out over models and temperatures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from langgraph_parallel.errors import UsageError
from langgraph_parallel.nodes.work.arguments import at_least
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.runtime.models import ModelLike


@dataclass(frozen=True)
class Models:
    """Which models are asked: one for all, or several that are dealt out; temperatures likewise.

    Raises:
        UsageError: one and several are given.
    """

    model: ModelLike | None = None
    models: Sequence[ModelLike] = ()
    temperatures: Sequence[float] = ()

    def __post_init__(self) -> None:
        if self.model is not None and self.models:
            raise UsageError("pass model= or models=, not both")

    def ask(
        self,
        prompt: Prompt,
        number: int,
        role: str,
        schema: type[BaseModel] | None = None,
        given: Mapping[str, str] | None = None,
    ) -> Ask:
        """The one of that number, from 0; its role keeps it from sharing an answer with another."""
        temperatures = self.temperatures
        return Ask(
            prompt,
            model=self.models[number % len(self.models)] if self.models else self.model,
            temperature=temperatures[number % len(temperatures)] if temperatures else None,
            schema=schema,
            given=given,
            role=role,
            pinned=len(self.models) > 1,
        )

    def size(self, wanted: int | None, usual: int, what: str) -> int:
        """How many there are: as wanted, else one for each model, else as usual.

        Raises:
            UsageError: none, or fewer than there are models or temperatures.
        """
        longest = max(len(self.models), len(self.temperatures))
        size = wanted if wanted is not None else longest or usual
        at_least(size, what)
        if longest > size:
            raise UsageError(f"{longest} models or temperatures for {what}={size}: some would never be asked")
        return size
