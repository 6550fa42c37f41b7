"""What a panel of voters is worth, from votes that it has cast."""

from typing import Literal

from pydantic import NonNegativeInt

from langgraph_parallel.records.base import Record
from langgraph_parallel.records.verdict import Interval

Basis = Literal["accuracy", "agreement"]
"""What shares mean: answers that are true, or answers that agree with the verdict of all voters."""


class EffectiveVotes(Record):
    """The size of a panel of independent voters whose joint answers vary as much as those of this panel."""

    voters: NonNegativeInt
    """Number of voters."""
    worth: float
    """Effective number of votes, from 1 to `voters`."""
    interval: Interval
    """95% interval of `worth`, by the jackknife over questions."""
    same_mistake: float | None
    """Of pairs of voters that are both wrong about a question, the share that gave the same wrong answer.

    None if no two voters were wrong about the same question.
    """

    def __str__(self) -> str:
        voters = "1 voter is" if self.voters == 1 else f"{self.voters} voters are"
        return f"{voters} worth {self.worth:.1f}"


class VoterWorth(Record):
    """One voter, and what it adds to the panel."""

    voter: str
    share: float
    """Share of all questions that it answered right, or as the verdict; without an answer it missed them."""
    price: float
    """Price of one answer: 1, unless prices are known."""
    in_panel: bool
    """Whether the panel that was appraised has it."""
    adds: float
    """Share of the panel with it, less that of the panel without it; the latter is 0 without any voter."""
    adds_interval: Interval
    """95% interval of `adds`."""

    @property
    def adds_per_price(self) -> float:
        """What it adds for each unit of price; of a free voter, infinite if it adds anything, else 0."""
        if self.price:
            return self.adds / self.price
        return float("inf") if self.adds > 0 else 0.0


class AlikePair(Record):
    """Two voters that err, or answer, alike."""

    first: str
    second: str
    correlation: float
    """Of being wrong (or of leaving the verdict): 1 if both always are together, 0 if by chance only."""


class PanelChoice(Record):
    """A panel that could be asked, and what it promises."""

    voters: list[str]
    """Best first; ties go to the earliest."""
    price: float
    """Price of asking all of them once."""
    share: float
    """Predicted share of new questions that it answers right, or as the verdict of all voters."""
    interval: Interval
    """95% of batches of new questions, as many as were recorded, have a share in it."""

    @property
    def size(self) -> int:
        """Number of voters."""
        return len(self.voters)


class Appraisal(Record):
    """What a panel is worth, which voters to drop or add, and what other panels promise."""

    basis: Basis
    """`agreement` if no true answer is known: voters that err together agree, so it says nothing of truth."""
    rule: Literal["majority", "weighted"]
    """How the panels decide."""
    questions: NonNegativeInt
    left_out: NonNegativeInt = 0
    """Questions without a true answer, among others that have one."""
    effective: EffectiveVotes
    """Of the panel."""
    panel: PanelChoice
    """The panel as it is."""
    pruned: PanelChoice
    """The cheapest panel of the recorded voters that promises to be as good as the panel."""
    affordable: PanelChoice | None = None
    """The best panel within the budget; None without a budget, or if no voter is within it."""
    choices: list[PanelChoice]
    """Panels that are worth their price, the cheapest first: each promises more than all cheaper ones."""
    voters: list[VoterWorth]
    """All recorded voters: those of the panel by what they add, then the others."""
    alike: list[AlikePair] = []
    """The pairs of the panel that err most alike, the most alike first; at most three."""

    @property
    def saved(self) -> float:
        """Share of the panel's price that the pruned panel saves, 0 to 1."""
        return 1 - self.pruned.price / self.panel.price if self.panel.price else 0.0

    @property
    def sentences(self) -> list[str]:
        """The findings, in a few sentences."""
        measure = "right" if self.basis == "accuracy" else "in agreement with the verdict of all voters"
        worth = self.effective.interval
        said = [
            f"{self.effective} (95%: {worth.low:.1f} to {worth.high:.1f}).",
            f"The panel is predicted to be {measure} on {_promise(self.panel)} of new questions.",
        ]
        if self.pruned == self.panel:
            said.append("No cheaper panel promises as much.")
        else:
            enough = (
                f"{self.pruned.size} voters are"
                if self.pruned.size > 1
                else f"{self.pruned.voters[0]} alone is"
            )
            said.append(
                f"{enough} enough, on {_promise(self.pruned)}: {self.saved:.0%} of the price is saved."
            )
        if self.basis == "agreement":
            said.append(
                "No true answer is known: this is agreement, not accuracy. Voters that make the same mistake "
                "agree, and voters that agree because they are right look dependent."
            )
        return said

    def __str__(self) -> str:
        return " ".join(self.sentences)


def _promise(choice: PanelChoice) -> str:
    return f"{choice.share:.1%} ({choice.interval.low:.1%} to {choice.interval.high:.1%})"
