"""How a review was built, and who reviews in one run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from langgraph_parallel.arguments import above_zero, exclude_model
from langgraph_parallel.errors import NoModelError, UnknownAspect, UsageError
from langgraph_parallel.nodes.review.aspects import ASPECTS, as_aspects
from langgraph_parallel.nodes.work.roster import Roster, require_models
from langgraph_parallel.offline import installed_engines
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Aspect
from langgraph_parallel.runtime.context import ReviewContext
from langgraph_parallel.runtime.models import ModelLike, check_model, default_model, require_model

_NO_REVIEWER = (
    "there is no model and no static engine; set OPENAI_API_KEY or pass model='provider:model', or "
    "install the engines: pip install 'langgraph-parallel[offline]'"
)


@dataclass(frozen=True)
class ReviewSettings:
    """The arguments of a review; the runtime context may change some of them for one run.

    Raises:
        UsageError: arguments contradict each other, or are out of range.
        ModelError: the model is not valid.
    """

    aspects: Sequence[Aspect]
    model: ModelLike | None = None
    voters: Roster = field(default_factory=Roster)
    engines: bool = True
    offline: bool = False
    reconcile: bool = False
    min_support: Fraction = Fraction(2, 3)
    prompts: Mapping[str, Prompt] = field(default_factory=dict)
    """Prompts of the caller's, by name: `review`, `reconcile`."""

    def __post_init__(self) -> None:
        exclude_model(self.offline, self.model)
        for model in [*self.voters.models, *([] if self.model is None else [self.model])]:
            check_model(model)
        require_models(self.voters, "voters")
        if self.offline and self.voters.models:
            raise UsageError("offline=True and Roster(models=...) exclude each other; leave one of them out")
        if self.offline and not self.engines:
            raise UsageError("offline=True and engines=False leave no voter; leave one of them out")
        if self.offline and self.reconcile:
            raise UsageError("offline=True and reconcile=True exclude each other; leave one of them out")
        above_zero(float(self.min_support), "min_support", 1)

    def model_voters(self, context: ReviewContext) -> int:
        """Return the number of model voters in this run; 0 if the engines vote alone.

        Raises:
            NoModelError: there is neither a model nor an engine, or the named model has no key.
        """
        models: list[ModelLike | None] = [context.model or self.model or default_model()]
        models = [] if self.offline else [*self.voters.models] or [model for model in models if model]
        for model in models:
            require_model(model)
        if models:
            return context.voters or self.voters.count()
        if not self.engines:
            raise NoModelError(
                "there is no model, and engines=False switches the static engines off; set "
                "OPENAI_API_KEY, pass model='provider:model', or leave engines=False out"
            )
        if not installed_engines():
            raise NoModelError(_NO_REVIEWER)
        if self.reconcile:
            raise NoModelError("reconcile=True needs a model; name one, or leave it out")
        return 0

    def aspects_for(self, context: ReviewContext) -> list[Aspect]:
        """Return the aspects of this run: those of the runtime context by name, else those of the graph.

        Raises:
            UnknownAspect: the context names an aspect that does not ship and is not the graph's. A path is
                refused too: whoever sets the context must not read files here.
        """
        if context.aspects is None:
            return list(self.aspects)
        own = {aspect.name: aspect for aspect in self.aspects}
        for name in context.aspects:
            if name not in own and name not in ASPECTS:
                raise UnknownAspect.for_name(name, {*own, *ASPECTS})
        return as_aspects([own.get(name, name) for name in context.aspects])
