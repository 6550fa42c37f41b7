"""How much of a run is done, kept up to date branch by branch: a step costs the depth of its level."""

from collections.abc import Collection, Sequence
from typing import Any


class ShareDone:
    """The share of one graph that is done, of which the graph around it is told.

    Args:
        around: of the graph around; None for the outermost.
        branch: path of the branch around.
    """

    def __init__(self, around: "ShareDone | None", branch: Sequence[str]) -> None:
        self._around, self._id = around, branch[-1] if branch else ""
        self._ended: set[str] = set()
        self._total = 0
        self._inside: dict[str, float] = {}
        """Shares of the graphs in branches that have not ended."""
        self._inside_sum = 0.0
        self._is_over = False

    @property
    def share(self) -> float:
        """Share that is done, 0 to 1."""
        if self._is_over:
            return 1.0
        return min(1.0, (len(self._ended) + self._inside_sum) / self._total) if self._total else 0.0

    def plan(self, number: int, kept: Collection[str], *, more: bool) -> None:
        """Note how many branches are planned.

        Args:
            number: of branches.
            kept: those that ended before.
            more: whether they are added to those planned before.
        """
        self._total = number + (self._total if more else 0)
        self._ended |= set(kept)
        self._tell()

    def ended(self, id: str) -> None:
        """Note that a branch has ended."""
        self._ended.add(id)
        self._total = max(self._total, len(self._ended))
        self._inside_sum -= self._inside.pop(id, 0.0)
        self._tell()

    def finish(self) -> bool:
        """Note that nothing follows, although more was planned; return whether that changes anything."""
        changes = self.share < 1
        self._total, self._is_over = len(self._ended), True
        self._tell()
        return changes

    def fields(self) -> dict[str, Any]:
        """Return the fields of a `progress` event."""
        outermost = self
        while outermost._around is not None:
            outermost = outermost._around
        return {
            "done": len(self._ended),
            "total": self._total,
            "share": round(self.share, 6),
            "run_share": round(outermost.share, 6),
        }

    def _tell(self) -> None:
        if self._around is not None:
            self._around._note_inside(self._id, self.share)

    def _note_inside(self, id: str, share: float) -> None:
        before = self._inside.get(id, 0.0)
        if id in self._ended or share <= before:  # a worker may run several graphs, one after another
            return
        self._inside_sum += share - before
        self._inside[id] = share
        self._tell()
