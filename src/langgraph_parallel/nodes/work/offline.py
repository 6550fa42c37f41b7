"""Patterns that work with models, and without."""

from langgraph_parallel.arguments import exclude_model
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike, in_reach


class OfflineCapable:
    """A pattern whose work engines can do where no model is available.

    Args:
        model: the graph's model; None for the one that the environment names.
        offline: whether to use no model, even if the environment names one.

    Raises:
        UsageError: `model` and `offline` are both set.
    """

    def __init__(self, model: ModelLike | None, *, offline: bool) -> None:
        exclude_model(offline, model)
        self._model, self._offline = model, offline

    def uses_model(self, context: Context) -> bool:
        """Return whether a run with this context asks models.

        Raises:
            NoModelError, ModelError: the named model cannot be used.
        """
        return not self._offline and in_reach(context.model or self._model)
