"""Rules of parts: each place of lists, or each field of records, is decided by a rule of its own."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, cast

from pydantic import JsonValue

from langgraph_parallel.arguments import check_named
from langgraph_parallel.errors import UsageError
from langgraph_parallel.records import Ballot, Tally, Verdict, VerdictStatus
from langgraph_parallel.reducers.canonical import canonical
from langgraph_parallel.reducers.votes.counting import build_verdict, group_by_choice, list_items, usable
from langgraph_parallel.reducers.votes.rules.base import BaseRule, Form, Rule, as_counting
from langgraph_parallel.reducers.votes.rules.registry import RuleLike, as_rule
from langgraph_parallel.reducers.votes.standing import Amount


@dataclass(frozen=True)
class _Parts(BaseRule, ABC):
    """A choice that is put together from the choices of its parts."""

    def supports(self, ballot: Ballot) -> Mapping[str, Amount] | None:
        """Return one vote for the ballot's whole choice."""
        return {canonical(ballot.choice): 1} if self._reads(ballot) else None

    @abstractmethod
    def _reads(self, ballot: Ballot) -> bool:
        """Return whether a ballot has parts."""

    def _undecided(
        self, tally: Tally, ballots: Sequence[Ballot], status: VerdictStatus, note: str = ""
    ) -> Verdict:
        """Return the verdict of a vote whose parts are not known."""
        groups = group_by_choice(ballots)
        verdict = build_verdict(
            self.name, tally, ballots, status=status, choice=None, groups=groups, backers=[]
        )
        return verdict.model_copy(update={"note": note})

    def _united(
        self, tally: Tally, ballots: Sequence[Ballot], decided: "Mapping[str, _Part]", whole: JsonValue
    ) -> Verdict:
        """Return the verdict of all parts.

        Args:
            tally: all ballots.
            ballots: those that count.
            decided: the parts, by place or field.
            whole: the choice, if every part has one.
        """
        parts = {name: part.verdict for name, part in decided.items()}
        has_choice = all(verdict.choice is not None for verdict in parts.values())
        everybody = frozenset(ballot.voter for ballot in ballots)
        least = min((part.backers for part in decided.values()), key=len, default=everybody)
        verdict = build_verdict(
            self.name,
            tally,
            ballots,
            status=_status([verdict.status for verdict in parts.values()]),
            choice=whole if has_choice else None,
            groups=group_by_choice(ballots),
            backers=[ballot for ballot in ballots if has_choice and ballot.voter in least],
        )
        open_parts = [
            f"{name} ({verdict.status.replace('_', ' ')})"
            for name, verdict in parts.items()
            if not verdict.decided
        ]
        note = f"undecided: {', '.join(open_parts)}" if open_parts else ""
        return verdict.model_copy(update={"parts": parts, "note": note})


@dataclass(frozen=True)
class elementwise(_Parts):  # noqa: N801
    """Lists, place by place: each place is decided by `rule`.

    The lists of the most common length count; others, and choices that are not lists, do not. Two lengths
    that are equally common are a tie: `tied`, without a choice.

    `parts` of the verdict has the verdict on each place. The status is `decided` if every place is. Else
    `note` says which are not, and the status is `no_quorum` if no place has one, `tied` if the undecided ones
    are tied, or `below_threshold`; the choice is None if that of a place is. Support is that of the place
    with the least, of all ballots that count; the others dissent. All voters are heard.

    >>> from langgraph_parallel.reducers.votes.counting import as_tally
    >>> elementwise("median")(as_tally({"ann": [1, 5], "ben": [2, 5], "cas": [9, 6]})).choice
    [2, 5]

    Raises:
        UnknownRule: `rule` is neither a rule nor the text of one.
        UsageError: `rule` is async.
    """

    form: ClassVar[Form] = "items"
    chooses: ClassVar[Form] = "items"
    rule: RuleLike
    """A rule, its text, or a function of the choices of one place."""
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "rule", as_rule(self.rule))

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        lists = [ballot for ballot in usable(tally) if self._reads(ballot)]
        lengths = Counter(len(list_items(ballot)) for ballot in lists)
        most = max(lengths.values(), default=0)
        common = sorted(length for length, times in lengths.items() if times == most)
        if len(common) > 1:
            status: VerdictStatus = "tied" if len(lists) >= self.quorum else "no_quorum"
            found = " or ".join(map(str, common))
            return self._undecided(tally, lists, status, f"equally many lists have {found} items")
        ballots = [ballot for ballot in lists if len(list_items(ballot)) in common]
        if len(ballots) < self.quorum:
            return self._undecided(tally, ballots, "no_quorum")
        rule = cast("Rule", self.rule)
        parts = {
            str(place): _decide(
                rule, [ballot.model_copy(update={"choice": list_items(ballot)[place]}) for ballot in ballots]
            )
            for place in range(common[0])
        }
        return self._united(tally, ballots, parts, [part.verdict.choice for part in parts.values()])

    def _reads(self, ballot: Ballot) -> bool:
        return ballot.cast and isinstance(ballot.choice, list)


@dataclass(frozen=True)
class by_field(_Parts):  # noqa: N801
    """Records, field by field: each field is decided by its rule, over the ballots that have it.

    `by_field("majority")` decides every field that a ballot has by one rule; with `by_field({"price":
    "median", "colour": "majority"})` only these fields are decided, unless `others` is a rule for all
    others. A field without a value, or with None, is missing. A choice that is not a mapping does not count.
    Verdict, `parts`, support and `note` are as those of `elementwise`. All voters are heard.

    >>> from langgraph_parallel.reducers.votes.counting import as_tally
    >>> said = {"ann": {"n": 1, "in": "km"}, "ben": {"n": 4, "in": "km"}, "cas": {"n": 4, "in": "m"}}
    >>> by_field({"n": "mean", "in": "majority"})(as_tally(said)).choice
    {'n': 3, 'in': 'km'}

    Raises:
        UnknownRule: a rule is neither a rule nor the text of one.
        UsageError: there is no rule, a field is not a text, `rules` is one rule and there is `others`, or a
            rule is async.
    """

    form: ClassVar[Form] = "fields"
    chooses: ClassVar[Form] = "fields"
    rules: RuleLike | Mapping[str, RuleLike]
    """One rule, or a rule for each field."""
    others: RuleLike | None = None
    """Rule of the fields that `rules` does not name; None leaves them out."""
    quorum: int = field(default=1, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        rules: RuleLike | Mapping[str, RuleLike] = self.rules
        others = self.others
        if not isinstance(rules, Mapping):
            if others is not None:
                raise UsageError("rules is one rule for all fields; leave out others, or pass {field: rule}")
            named, others = dict[str, RuleLike](), rules
        elif not rules and others is None:
            raise UsageError("rules is empty; expected a rule, or a mapping such as {'price': 'median'}")
        else:
            named = dict(rules)
        check_named(named, "rules")
        object.__setattr__(self, "rules", {name: as_rule(rule) for name, rule in named.items()})
        object.__setattr__(self, "others", None if others is None else as_rule(others))

    def __call__(self, tally: Tally) -> Verdict:
        """Decide the vote; see the class."""
        ballots = [ballot for ballot in usable(tally) if self._reads(ballot)]
        if len(ballots) < self.quorum:
            return self._undecided(tally, ballots, "no_quorum")
        parts = {
            name: _decide(
                rule,
                [
                    ballot.model_copy(update={"choice": record[name]})
                    for ballot in ballots
                    if (record := _record(ballot)).get(name) is not None
                ],
            )
            for name, rule in self._rules_for(ballots).items()
        }
        return self._united(
            tally, ballots, parts, {name: part.verdict.choice for name, part in parts.items()}
        )

    def _reads(self, ballot: Ballot) -> bool:
        return ballot.cast and isinstance(ballot.choice, dict)

    def _rules_for(self, ballots: Sequence[Ballot]) -> Mapping[str, Rule]:
        """Return the rule of each field: of the named ones first, then of others in order of appearance."""
        rules = dict(cast("Mapping[str, Rule]", self.rules))
        if self.others is not None:
            named = [
                name for ballot in ballots for name, value in _record(ballot).items() if value is not None
            ]
            rules = {**rules, **{name: cast("Rule", self.others) for name in named if name not in rules}}
        return rules


@dataclass(frozen=True)
class _Part:
    """The verdict on one part, and the voters that support it."""

    verdict: Verdict
    backers: frozenset[str]


def _decide(rule: Rule, ballots: Sequence[Ballot]) -> _Part:
    """Decide one part.

    Raises:
        TypeError: a rule of the caller's returns no verdict.
    """
    verdict = rule(Tally.of(ballots))
    if not isinstance(verdict, Verdict):
        raise TypeError(f"rule {rule.name} returned {type(verdict).__name__}; expected Verdict")
    against = {dissent.voter for dissent in verdict.dissent}
    counting = as_counting(rule)
    counted = [ballot.voter for ballot in ballots if counting.supports(ballot) is not None]
    return _Part(verdict, frozenset(voter for voter in counted if voter not in against))


def _status(parts: Sequence[VerdictStatus]) -> VerdictStatus:
    """Return the status of a whole whose parts have these."""
    undecided = {status for status in parts if status != "decided"}
    if not undecided:
        return "decided"
    if set(parts) == {"no_quorum"}:
        return "no_quorum"
    return "tied" if undecided == {"tied"} else "below_threshold"


def _record(ballot: Ballot) -> Mapping[str, JsonValue]:
    assert isinstance(ballot.choice, dict)
    return ballot.choice
