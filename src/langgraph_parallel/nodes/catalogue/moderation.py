"""Moderation while it runs: which checks a text gets, in which parts, and what they come to."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_parallel.nodes.catalogue.checks import Check, build_moderation, joined, read_check
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.text.chunks import cut
from langgraph_parallel.nodes.work.arguments import require_text
from langgraph_parallel.offline.patterns import finds_telephones, personal_data, spam_signs
from langgraph_parallel.records import CheckOutcome, Section
from langgraph_parallel.report.moderation import moderation_markdown
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike, in_reach
from langgraph_parallel.runtime.run import current_run

ENGINES = "patterns"
"""The worker that looks for patterns."""
_FINDS = {"personal_data": personal_data, "spam": spam_signs}
_NOTICE = (
    "Patterns did this work, not a language model. They find e-mail addresses, telephone numbers, card "
    "numbers, IBANs, social security numbers, IP addresses, and common signs of spam; names, street "
    "addresses, and whatever is only meant escape them."
)
_NO_TELEPHONES = " Telephone numbers were not looked for: install the extra `offline`."


def checked(name: str) -> str:
    """The name of the worker of a check."""
    return f"check/{name}"


class Moderating:
    """What is the same in all runs of a moderation.

    Args:
        checks: by name.
        model: for those that models make.
        offline: use no model.
        region: whose telephone numbers are found without their +.
    """

    def __init__(
        self, checks: Mapping[str, Check], model: ModelLike | None, *, offline: bool, region: str | None
    ) -> None:
        self._checks, self._model, self._offline, self._region = checks, model, offline, region

    def uses_model(self, context: Context) -> bool:
        """Whether models judge in a run with this context.

        Raises:
            NoModelError: one is named that cannot be had.
        """
        asked = any(check.criteria for check in self._checks.values())
        return asked and not self._offline and in_reach(context.model or self._model)

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Every check on every part of the text; patterns beside models, where there are any."""
        text, uses_model = require_text(given, "text", "moderation"), self.uses_model(context)
        sections, offset = [], 0
        parts = cut(text, current_run().limits.section_tokens)
        for number, part in enumerate(parts, 1):
            many = f" ({number}/{len(parts)})" if len(parts) > 1 else ""
            sections += [
                Section(
                    id=f"{one}/{number}",
                    title=f"{one}{many}",
                    content=part.text,
                    worker=checked(one),
                    data={"check": one, "offset": offset},
                )
                for one, check in self._checks.items()
                if check.worker is not None or uses_model
            ]
            offset += len(part.text)
        whole = [one for one, check in self._checks.items() if one in _FINDS and check.worker is None]
        patterns = [
            Section(
                id=f"{one}, {ENGINES}",
                title=f"{one}, {ENGINES}",
                content=text,
                worker=ENGINES,
                data={"check": one, "offset": 0},
            )
            for one in whole
        ]
        return [*sections, *patterns]

    def patterns(self, section: Section) -> dict[str, Any]:
        """Look for the patterns of a check."""
        check = str(section.data["check"])
        found = (
            personal_data(section.content, self._region)
            if check == "personal_data"
            else _FINDS[check](section.content)
        )
        kinds = sorted({span.kind for span in found})
        return {
            "flagged": bool(found),
            "reason": f"it holds {', '.join(kinds)}" if found else "",
            "spans": [{"start": span.start, "end": span.end, "kind": span.kind} for span in found],
        }

    def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """What each check came to, and all of them."""
        parts: dict[str, list[CheckOutcome]] = {one: [] for one in self._checks}
        modelled = False
        for section in gathered.sections:
            check, offset = str(section.data["check"]), section.data["offset"]
            assert isinstance(offset, int)
            branch = gathered.branches.get(section.id)
            outcome = read_check(check, branch, section.content, offset)
            by_patterns = section.worker == ENGINES
            modelled = modelled or (not by_patterns and self._checks[check].worker is None)
            parts[check].append(outcome.model_copy(update={"by": [ENGINES]}) if by_patterns else outcome)
        beyond = [branch for key, branch in gathered.branches.items() if branch.status == "skipped"]
        outcomes = [
            self._outcome(one, held, cut_off=any(branch.name.startswith(one) for branch in beyond))
            for one, held in parts.items()
        ]
        alone = any(check.criteria for check in self._checks.values()) and not modelled
        notice = _NOTICE + ("" if finds_telephones() else _NO_TELEPHONES) if alone else ""
        made = build_moderation(outcomes, notice)
        return {"moderation": made, "status": made.status, "markdown": moderation_markdown(made)}

    def _outcome(self, name: str, parts: Sequence[CheckOutcome], *, cut_off: bool) -> CheckOutcome:
        if not parts:
            why = "no model, and no pattern can judge it"
            return CheckOutcome(check=name, status="not_assessed", error=why)
        outcome = joined(parts)
        if cut_off and outcome.status == "clean":
            return outcome.model_copy(
                update={"status": "not_run", "error": "not all of the text was checked"}
            )
        return outcome
