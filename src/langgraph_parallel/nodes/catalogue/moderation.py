"""Moderation: run each check on each part of a text, and sum up the outcomes."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_parallel.arguments import check_named
from langgraph_parallel.errors import UnknownCheck, UsageError
from langgraph_parallel.nodes.catalogue.check_outcomes import (
    build_moderation,
    merge_outcomes,
    read_check,
    read_patterns,
)
from langgraph_parallel.nodes.catalogue.checks import (
    Check,
    CheckLike,
    as_check,
    check_worker_name,
    refuse_blocking,
)
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.text.chunks import cut_numbered
from langgraph_parallel.nodes.work.inputs import require_text
from langgraph_parallel.nodes.work.offline import OfflineCapable
from langgraph_parallel.nodes.work.parts import section_tokens
from langgraph_parallel.offline.personal_data import check_region, find_places, finds_telephones
from langgraph_parallel.offline.spam import spam_signs
from langgraph_parallel.prompts import list_prompts, load_prompt
from langgraph_parallel.records import CheckOutcome, Section
from langgraph_parallel.report.moderation import moderation_markdown
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike

ENGINES = "patterns"
"""Name of the worker that searches patterns."""
_VOTERS = {"hate": 3}
"""Number of models that vote on a shipped check; 1 for all others."""
_SEARCHED = ("personal_data", "spam")
_NOTICE = (
    "Patterns did this work, not a language model. They find e-mail addresses, telephone numbers, card "
    "numbers, IBANs, social security numbers, IP addresses, and common signs of spam; they miss names, "
    "street addresses, and implied meaning."
)
_NO_REGION = (
    " Without a region, telephone numbers are found that start with + or have a word such as tel beside them."
)
_NO_TELEPHONES = " Telephone numbers were not looked for: install the extra `offline`."


def moderation_checks(given: Sequence[str] | Mapping[str, CheckLike] | None) -> dict[str, Check]:
    """Return the checks of a moderation by name.

    Args:
        given: names of shipped checks, or a mapping in which an empty text stands for a shipped one; None for
            all that ship.

    Raises:
        UsageError: there is no check, or one is named twice.
        UnknownCheck: no check of this name ships.
    """
    shipped = list_prompts("moderation/checks")
    if isinstance(given, Mapping):
        check_named(given, "checks")
    elif repeated := [name for name in given or () if list(given or ()).count(name) > 1]:
        raise UsageError(f"checks has {repeated[0]!r} twice; name each once")
    chosen: Mapping[str, CheckLike] = (
        given if isinstance(given, Mapping) else dict.fromkeys(shipped if given is None else given, "")
    )
    if not chosen:
        raise UsageError("checks is empty; pass names, or {'name': 'what breaks the rule'}")
    checks = {
        name: _load_check(name, shipped) if check == "" else as_check(check) for name, check in chosen.items()
    }
    refuse_blocking(checks, "checks")
    return checks


def _load_check(name: str, shipped: Sequence[str]) -> Check:
    if name not in shipped:
        raise UnknownCheck.for_name(name, shipped)
    return Check(load_prompt(f"moderation/checks/{name}").text, voters=_VOTERS.get(name, 1))


class ModerationSteps(OfflineCapable):
    """Checks a text in parts, by models and by patterns.

    Args:
        checks: by name.
        model: of the checks that models make.
        offline: whether to use no model.
        region: two-letter country code whose telephone numbers are found without a `+` or a word beside them.

    Raises:
        UsageError: `model` and `offline` are both set, or the region is not a country.
    """

    def __init__(
        self, checks: Mapping[str, Check], model: ModelLike | None, *, offline: bool, region: str | None
    ) -> None:
        super().__init__(model, offline=offline)
        if region is not None:
            check_region(region)
        self._checks, self._region = checks, region
        self._has_criteria = any(check.criteria for check in checks.values())

    def uses_model(self, context: Context) -> bool:
        """Return whether a run with this context asks models; never if all checks are workers.

        Raises:
            NoModelError, ModelError: the named model cannot be used.
        """
        return self._has_criteria and super().uses_model(context)

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return a section for each check of each part; patterns search the whole text, beside models too."""
        text, uses_model = require_text(given, "text"), self.uses_model(context)
        by_worker = [name for name, check in self._checks.items() if check.worker is not None or uses_model]
        pieces = cut_numbered(text, section_tokens(context.model or self._model)) if by_worker else []
        by_part = [
            Section(
                id=f"{name}/{piece.number}",
                title=piece.title(name),
                content=piece.text,
                worker=check_worker_name(name),
                data={"check": name, "offset": piece.offset},
            )
            for piece in pieces
            for name in by_worker
        ]
        by_patterns = [
            Section(
                id=_pattern_id(name),
                title=_pattern_id(name),
                content=text,
                worker=ENGINES,
                data={"check": name, "offset": 0},
            )
            for name, check in self._checks.items()
            if name in _SEARCHED and check.worker is None
        ]
        return [*by_part, *by_patterns]

    def find_patterns(self, section: Section) -> dict[str, Any]:
        """Return a judgement by the patterns of a check, with start and end of each span in turn, by kind."""
        if section.data["check"] == "personal_data":
            found = find_places(section.content, self._region)
        else:
            found = [(span.start, span.end, span.kind) for span in spam_signs(section.content)]
        # There may be a hundred thousand of them, so that a dict for each takes far more than the text.
        places: dict[str, list[int]] = {kind: [] for kind in sorted({kind for _, _, kind in found})}
        for start, end, kind in found:
            places[kind] += (start, end)
        return {
            "flagged": bool(places),
            "reason": f"contains {', '.join(places)}" if places else "",
            "places": places,
        }

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Return the outcome of each check, and of all checks together."""
        parts: dict[str, list[CheckOutcome]] = {name: [] for name in self._checks}
        for section in gathered.sections:
            parts[str(section.data["check"])].append(_read_part(gathered, section))
        incomplete = _checks_beyond_limit(gathered)
        outcomes = [
            _unite_parts(name, outcomes, complete=name not in incomplete) for name, outcomes in parts.items()
        ]
        moderation = build_moderation(outcomes, self._notice(gathered))
        return {
            "moderation": moderation,
            "status": moderation.status,
            "markdown": moderation_markdown(moderation),
        }

    def _notice(self, gathered: Gathered) -> str:
        """Return what to know about a run without models; empty for any other run."""
        asked = {str(s.data["check"]) for s in gathered.sections if s.worker != ENGINES}
        if not self._has_criteria or any(self._checks[name].worker is None for name in asked):
            return ""
        if not finds_telephones():
            return _NOTICE + _NO_TELEPHONES
        return _NOTICE + ("" if self._region else _NO_REGION)


def _pattern_id(check: str) -> str:
    return f"{check}, {ENGINES}"


def _read_part(gathered: Gathered, section: Section) -> CheckOutcome:
    """Return the outcome of one section."""
    offset = section.data["offset"]
    assert isinstance(offset, int)
    branch = gathered.branches.get(section.id)
    check = str(section.data["check"])
    if section.worker == ENGINES:
        return read_patterns(check, branch, section.content).model_copy(update={"by": [ENGINES]})
    return read_check(check, branch, section.content, offset)


def _checks_beyond_limit(gathered: Gathered) -> set[str]:
    """Return the checks of which a part was beyond the limit of sections, and so is not in the plan."""
    planned = {section.id for section in gathered.sections}
    beyond = [key for key in gathered.branches if key not in planned]
    return {key.rpartition("/")[0] or key.removesuffix(f", {ENGINES}") for key in beyond}


def _unite_parts(name: str, parts: Sequence[CheckOutcome], *, complete: bool) -> CheckOutcome:
    """Return the outcome of a check on the whole text; an incomplete one is never clean."""
    if complete and not parts:
        error = "there is no model, and no pattern for it"
        return CheckOutcome(check=name, status="not_assessed", error=error)
    is_whole = len(parts) == 1 and parts[0].by == [ENGINES]
    outcome = parts[0] if is_whole else merge_outcomes(parts or [CheckOutcome(check=name, status="clean")])
    if complete or outcome.status != "clean":
        return outcome
    return outcome.model_copy(update={"status": "not_run", "error": "not all of the text was checked"})
