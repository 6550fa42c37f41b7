"""The fallbacks of an `Ask`: which models are asked, in which order, where its own does not answer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from langgraph_parallel.runtime.chained import all_of, first_of, read_chain
from langgraph_parallel.runtime.context import Context, current_context
from langgraph_parallel.runtime.fallbacks import Handled
from langgraph_parallel.runtime.limit_sources import merge_limits
from langgraph_parallel.runtime.limits import Limits
from langgraph_parallel.runtime.models import (
    ModelLike,
    check_model,
    governed_limits,
    model_name,
    read_fallbacks,
    require_model,
)
from langgraph_parallel.runtime.prices import check_prices
from langgraph_parallel.runtime.run import Run


@dataclass(frozen=True)
class Spare:
    """What is known of the fallbacks when an `Ask` is built."""

    models: Sequence[ModelLike] | None = None
    """Its own; None for those of the graph."""
    handled: Handled | None = None
    """Errors after which the next model is asked, if its model says so."""
    others: frozenset[str] = frozenset()
    """Names of the models of the other members of its panel, which are asked last."""
    limits: dict[int, Limits] = field(default_factory=dict)
    """Limits of fallbacks that are governed models with limits of their own, by the id of the model."""

    @classmethod
    def of(cls, model: ModelLike | None, given: Sequence[ModelLike] | None, own: Limits | None) -> Self:
        """Read the fallbacks of an `Ask`.

        Args:
            model: that it asks; LangChain's fallbacks of it come first.
            given: further ones.
            own: limits of the `Ask`.

        Raises:
            UsageError: they are no list of models.
        """
        fallbacks, chain = read_fallbacks(given), read_chain(model)
        if chain is not None:
            fallbacks = (*all_of(model)[1:], *(fallbacks or ()))
        if fallbacks is None:
            return NO_SPARE  # type: ignore[return-value]
        bounds = {id(one): governed_limits(one) for one in fallbacks}
        limits = {key: merge_limits([own, bound]) for key, bound in bounds.items() if bound is not None}
        return cls(fallbacks, None if chain is None else chain.handled, limits=limits)

    def beside(self, others: Collection[ModelLike]) -> "Spare":
        """Return the fallbacks of a member of a panel, whose other members are these models."""
        return replace(self, others=frozenset(map(model_name, others)))

    def after(
        self,
        asked: ModelLike | None,
        of_context: Sequence[ModelLike] | None,
        of_run: Sequence[ModelLike],
    ) -> Sequence[ModelLike]:
        """Return the fallbacks of a model, in the order in which they are asked.

        Args:
            asked: the model, which is never its own fallback.
            of_context: those of the runtime context; None if they do not apply.
            of_run: those of the graph, or of one around it.
        """
        chosen = of_context if of_context is not None else self.models if self.models is not None else of_run
        distinct: list[ModelLike] = []
        for model in chosen:
            if not any(_is_same(model, known) for known in (asked, *distinct)):
                distinct.append(model)
        if not self.others:
            return distinct
        return sorted(distinct, key=lambda model: model_name(model) in self.others)

    def limits_of(self, model: ModelLike | None, own: Limits | None) -> Limits | None:
        """Return the limits of the calls to one of the models; `own` are those of the `Ask`."""
        return self.limits.get(id(model), own) if self.limits else own


NO_SPARE = Spare()


def _is_same(model: ModelLike, other: ModelLike | None) -> bool:
    return model is other or (isinstance(model, str) and model == other)


class AsksModels:
    """The models of an `Ask`: its own or the runtime context's, and those that follow it."""

    model: ModelLike | None
    pinned: bool
    limits: Limits | None
    spare: Spare

    def set_models(
        self,
        model: ModelLike | None,
        fallbacks: Sequence[ModelLike] | None,
        limits: Limits | None,
        *,
        pinned: bool,
    ) -> None:
        """Check and set what the constructor of an `Ask` gets."""
        if model is not None:
            check_model(model)
        of_model = governed_limits(model)
        self.model, self.pinned = first_of(model), pinned
        self.limits = limits if of_model is None else merge_limits([limits, of_model])
        self.spare = Spare.of(model, fallbacks, limits)

    @property
    def models(self) -> list[ModelLike | None]:
        """The models that it was built to ask; None for the one that the environment names."""
        return [self.model, *(self.spare.models or ())]

    def model_in_use(self) -> str:
        """Return the name of the model that would be asked now, in the current run."""
        return model_name(require_model(self.chosen(current_context())))

    def chosen(self, context: Context) -> ModelLike | None:
        """Return the model to ask in a run with this context; None for the one that the environment names."""
        return self.model if self.pinned else context.model or self.model

    def fallbacks_in(self, run: Run, context: Context) -> Sequence[ModelLike]:
        """Return the models to ask in a run with this context where the chosen one does not answer."""
        if not run.fallbacks and self.spare.models is None and context.fallbacks is None:
            return ()
        of_context = None if self.pinned and self.spare.models is not None else context.fallbacks
        return self.spare.after(self.chosen(context), of_context, run.fallbacks)

    def models_in(self, run: Run, context: Context) -> list[ModelLike | None]:
        """Return all models that may be asked in a run with this context, in their order."""
        return [self.chosen(context), *self.fallbacks_in(run, context)]

    def check(self, run: Run, context: Context) -> None:
        """Check, before any call, that its models are available, and can keep the budget of a run.

        Raises:
            ModelError: one is not, or has no known price and the run has a budget in dollars.
        """
        models = self.models_in(run, context)
        for model in models:
            require_model(model)
        check_prices(run.limits_for(self.limits), models)
