"""Support of a finding: the voters who claim it, of those who could have."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

from langgraph_parallel.records import Claim, Lines, Support


@dataclass(frozen=True, slots=True)
class VoterScope:
    """What a voter with a cast ballot could have claimed: in one file, for one aspect."""

    aspect: str
    voter: str
    path: str
    lines: Lines | None = None
    """The lines that the voter saw; None for the whole file."""
    scope: Collection[str] | None = None
    """Prefixes of the canonical rules about which its silence means no; None if it can judge anything.
    An engine without a rule for a defect did not vote against it."""
    cleared: Collection[tuple[str, Lines]] = ()
    """The constructs, each as canonical rule and lines, that the voter looked at and passed."""

    def judges(self, claim: Claim) -> bool:
        """Return whether the voter could have made this claim."""
        return (
            self.path == claim.path
            and (self.lines is None or self.lines.overlaps(claim.lines))
            and (
                self.scope is None
                or (claim.rule is not None and claim.rule.startswith(tuple(self.scope)))
                or any(rule == claim.rule and lines.overlaps(claim.lines) for rule, lines in self.cleared)
            )
        )


def best_support(claims: Sequence[Claim], scopes: Sequence[VoterScope]) -> tuple[str, Support, list[str]]:
    """Return the best-supported aspect of a finding, its support k/n, and the silent voters of that aspect.

    Each aspect is counted by itself, so that a weaker aspect never lowers the support by another.

    Args:
        claims: all claims of the finding; at least one.
        scopes: the scopes of all voters on the file of the finding.
    """
    options = []
    for aspect in sorted({claim.aspect for claim in claims}):
        in_aspect = [claim for claim in claims if claim.aspect == aspect]
        claimants = {claim.voter for claim in in_aspect}
        eligible = claimants | {
            scope.voter for scope in scopes if scope.aspect == aspect and any(map(scope.judges, in_aspect))
        }
        support = _share_support(len(claimants), len(eligible))
        options.append((aspect, support, sorted(eligible - claimants)))
    return min(options, key=lambda option: (-option[1].share, -option[1].n, option[0]))


@lru_cache(maxsize=1000)
def _share_support(k: int, n: int) -> Support:
    """Return one record for all findings with this support, of which a large tree has a hundred thousand."""
    return Support(k=k, n=n)
