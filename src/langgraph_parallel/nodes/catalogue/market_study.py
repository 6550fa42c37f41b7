"""A market study while it is made: its sections, its forecasts, and the report."""

from collections.abc import Mapping, Sequence
from typing import Any

from langgraph_parallel.errors import InputError
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.arguments import require_text
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.render import as_text, titled
from langgraph_parallel.records import Ballot, Branch, Forecast, MarketStudy, Section, Verdict
from langgraph_parallel.reducers.text.sentences import unreferenced
from langgraph_parallel.reducers.votes.rules.numeric import outliers
from langgraph_parallel.report.market_study import forecast_rows, study_markdown
from langgraph_parallel.report.tables import as_markdown
from langgraph_parallel.runtime.context import Context

SECTION, FORECAST = "section", "forecast"


class Study:
    """What is the same in all runs of a market study.

    Args:
        sections: what each covers, by title.
        writer: with `{subject}`, `{sections}`, `{forecasts}` and `{missing}`.
        quantity: what is forecast; empty for no forecast.
        horizon: for when.
        unit: of the numbers.
    """

    def __init__(
        self, sections: Mapping[str, str], writer: Ask, *, quantity: str, horizon: str, unit: str
    ) -> None:
        self._sections, self._writer = sections, writer
        self._quantity, self._horizon, self._unit = quantity, horizon, unit

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """The sections, and a forecast for each region."""
        subject = require_text(given, "subject", "the market study")
        regions = given.get("regions") or []
        if not isinstance(regions, list) or not all(isinstance(r, str) and r.strip() for r in regions):
            raise InputError("regions has to be a list of texts")
        if len(set(regions)) < len(regions):
            raise InputError("regions holds a name twice; each needs its own forecast")
        held = given.get("material") or {}
        if not isinstance(held, Mapping) or not all(isinstance(text, str) for text in held.values()):
            raise InputError("material has to be a mapping of name to text")
        material = "\n\n".join([subject, *(f"{k}:\n\n{v}" for k, v in held.items())])
        made = [
            Section(
                id=title,
                title=title,
                content=material,
                instructions=f"Write the section {title!r} of a market study. It covers: {brief}.",
                worker=SECTION,
                data={"brief": brief},
            )
            for title, brief in self._sections.items()
        ]
        for region in regions if self._quantity else []:
            wanted = f"Forecast {self._quantity} in {region}, {self._horizon}, in {self._unit}."
            made.append(
                Section(
                    id=f"{FORECAST}/{region}",
                    title=f"{FORECAST} {region}",
                    content=material,
                    instructions=wanted,
                    worker=FORECAST,
                    data={"region": region},
                )
            )
        return made

    def section_input(self, section: Section) -> dict[str, str]:
        """What the prompt of a section gets."""
        return {"title": section.title, "brief": str(section.data["brief"]), "material": section.content}

    async def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Write the report, and put the table below."""
        forecasts = [
            _forecast(str(section.data["region"]), gathered.branches.get(section.id))
            for section in gathered.sections
            if section.worker == FORECAST
        ]
        study = MarketStudy(
            subject=str(gathered.given["subject"]),
            text="",
            forecasts=forecasts,
            unit=self._unit,
            missing=gathered.missing,
        )
        given = {
            "subject": study.subject,
            "sections": titled((s.title, value) for s, value in gathered.by(SECTION)) or "None.",
            "forecasts": as_markdown(forecast_rows(study)) or "None.",
            "missing": ", ".join(gathered.missing) or "none",
        }
        asked = {name: given[name] for name in self._writer.variables}
        text = await gathered.attempt("write", lambda _: self._writer.ainvoke(asked))
        said = [(section.title, as_text(value)) for section, value in gathered.by(SECTION)]
        left_out = unreferenced(said, str(text)) if text else []
        made = study.model_copy(update={"text": text or given["sections"], "unreferenced": left_out})
        return {"study": made, "markdown": study_markdown(made)}


def _forecast(region: str, branch: Branch | None) -> Forecast:
    """The median of one region, and who sees it otherwise."""
    value: Any = branch.value if branch is not None and branch.ok else None
    if not isinstance(value, dict) or "verdict" not in value:
        why = branch.error or branch.status if branch is not None else "never begun"
        return Forecast(region=region, note=why)
    verdict = Verdict.model_validate(value["verdict"])
    ballots = [Ballot.model_validate(ballot) for ballot in value["ballots"]]
    numbers = {b.voter: float(b.choice) for b in ballots if b.cast and isinstance(b.choice, int | float)}
    choice = verdict.choice
    return Forecast(
        region=region,
        value=float(choice) if isinstance(choice, int | float) else None,
        interval=verdict.interval,
        forecasts=numbers,
        dissent=outliers(numbers),
        asked=verdict.asked + verdict.not_asked,
        note="" if choice is not None else "too few forecasts",
    )
