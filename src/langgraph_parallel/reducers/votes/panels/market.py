"""The voters that can be had, what they cost, and which panels of them are worth their price."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from langgraph_parallel.records.appraisal import PanelChoice, VoterWorth
from langgraph_parallel.reducers.votes.learning import Blend
from langgraph_parallel.reducers.votes.panels.answers import Answers
from langgraph_parallel.reducers.votes.panels.deciding import ByFold, Deciding, cross_validated, flat
from langgraph_parallel.reducers.votes.panels.promise import difference, predicted, share
from langgraph_parallel.reducers.votes.panels.pruning import (
    Curve,
    all_folds,
    best_size,
    drop_one_by_one,
    learning_curve,
    least_size,
    other_folds,
)


@dataclass(frozen=True)
class Market:
    """All recorded voters.

    Attributes:
        prices: of one answer, by voter.
        blend: of weightings, under `weighted`; None under `majority`.
        tolerance: share that a cheaper panel may lose.
    """

    answers: Answers
    prices: Sequence[float]
    blend: Blend | None
    tolerance: float

    def held_out(self, seats: Sequence[int]) -> ByFold:
        """Return whether a panel is right about each question, with weights learned from other folds."""
        return cross_validated(self.answers, seats, self.blend)

    def curve(self, seats: Sequence[int] | None = None) -> Curve:
        """Cross-validate panels of every size of these voters, by default of all."""
        return learning_curve(self.answers, self._all if seats is None else seats, self.blend, self.prices)

    def choice(self, seats: Sequence[int], right: Sequence[bool]) -> PanelChoice:
        """Describe a panel by its answers to held-out questions."""
        return PanelChoice(
            voters=[self.answers.voters[seat] for seat in seats],
            price=self._price(seats),
            share=share(right),
            interval=predicted(right),
        )

    def pruned(self, curve: Curve, whole: ByFold, as_it_is: PanelChoice) -> PanelChoice:
        """Return the cheapest panel that promises as much as the whole; the whole itself if there is none."""
        path = self._path(self._all)
        cheaper = {size: curve[size] for size, panel in path.items() if self._price(panel) < as_it_is.price}

        def size(folds: Collection[int]) -> int | None:
            return least_size(cheaper, whole, self.tolerance, folds) if cheaper else None

        if (least := size(all_folds(curve))) is None:
            return as_it_is
        return self.choice(path[least], _cross_fitted(cheaper, lambda folds: size(folds) or max(cheaper)))

    def affordable(self, budget: float) -> PanelChoice | None:
        """Return the best panel within a budget; None if every voter costs more."""
        seats = [seat for seat, price in enumerate(self.prices) if price <= budget]
        if not seats:
            return None
        path, full = self._path(seats), self.curve(seats)
        curve = {size: full[size] for size, panel in path.items() if self._price(panel) <= budget}
        panel = path[best_size(curve, all_folds(curve))]
        return self.choice(panel, _cross_fitted(curve, lambda folds: best_size(curve, folds)))

    def worth_their_price(self, curve: Curve) -> list[PanelChoice]:
        """Return the panels of which each promises more than all that are cheaper."""
        path = self._path(self._all)
        choices: list[PanelChoice] = []
        for size in sorted(path):
            choice = self.choice(path[size], flat(curve[size]))
            if not choices or choice.share > choices[-1].share:
                choices.append(choice)
        return choices

    def voters(self, seats: Sequence[int], whole: ByFold) -> list[VoterWorth]:
        """Return all voters, those of the panel first, by what they add."""
        listed = [self._voter(seat, seats, flat(whole)) for seat in self._all]
        return sorted(listed, key=lambda voter: (not voter.in_panel, -voter.adds))

    def _voter(self, seat: int, seats: Sequence[int], right: Sequence[bool]) -> VoterWorth:
        is_in = seat in seats
        others = [other for other in seats if other != seat] if is_in else [*seats, seat]
        changed = flat(self.held_out(others))
        adds, interval = difference(right, changed) if is_in else difference(changed, right)
        return VoterWorth(
            voter=self.answers.voters[seat],
            share=self.answers.share(seat),
            price=self.prices[seat],
            in_panel=is_in,
            adds=adds,
            adds_interval=interval,
        )

    @property
    def _all(self) -> range:
        return range(len(self.prices))

    def _path(self, seats: Sequence[int]) -> Mapping[int, Sequence[int]]:
        deciding = Deciding.learn(self.blend, self.answers.rows, len(self.prices))
        return drop_one_by_one(deciding, seats, self.answers.rows, self.prices)

    def _price(self, seats: Iterable[int]) -> float:
        return sum(self.prices[seat] for seat in seats)


def _cross_fitted(curve: Curve, choose_size: Callable[[Collection[int]], int]) -> list[bool]:
    """Return whether each question was answered right, at the size that the other folds choose."""
    right: list[bool] = []
    for fold in all_folds(curve):
        right += curve[choose_size(other_folds(curve, fold))][fold]
    return right
