"""Market study: sections and forecasts at once, and a report on both."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from langgraph_parallel.arguments import check_named, shown
from langgraph_parallel.errors import InputError, UsageError
from langgraph_parallel.nodes.catalogue.nested_vote import read_vote
from langgraph_parallel.nodes.fan_out.gathered import Gathered
from langgraph_parallel.nodes.work.ask import Ask
from langgraph_parallel.nodes.work.inputs import optional_texts, require_text
from langgraph_parallel.nodes.work.render import as_sections, as_text
from langgraph_parallel.nodes.work.workers import WorkerLike, as_worker
from langgraph_parallel.prompts import Prompt
from langgraph_parallel.records import Branch, Forecast, MarketStudy, Section
from langgraph_parallel.reducers.text.sentences import uncited
from langgraph_parallel.reducers.votes.rules import Rule, as_rule, ballot_form
from langgraph_parallel.reducers.votes.rules.numeric import outliers
from langgraph_parallel.report.market_study import forecast_rows, study_markdown
from langgraph_parallel.report.tables import as_markdown
from langgraph_parallel.runtime.context import Context
from langgraph_parallel.runtime.models import ModelLike

SECTION, FORECAST = "section", "forecast"
FORECASTERS = 7
"""Default number of forecasters; an interval needs at least six."""
SECTIONS = {
    "Competitors": "who sells what to whom, at what price, and where each is strong or weak",
    "Customers": "who buys, why, what they pay, and what keeps others from buying",
    "Regions": "how the market differs from place to place: size, rules, habits, channels",
}
"""The default sections, and what each covers."""


def check_forecast_rule(rule: str | Rule) -> None:
    """Check that a rule decides on numbers.

    Raises:
        UsageError: it does not, or it is not a rule.
    """
    if ballot_form(as_rule(rule)) != "number":
        raise UsageError(
            f"rule {as_rule(rule).name} decides among answers, but forecasts are numbers; use median, "
            "trimmed_mean or mode"
        )


class MarketStudySteps:
    """The plan and the close of a market study.

    Args:
        sections: what each section covers, by title; None for the default.
        prompts: `section`, `report`.
        model: of the sections and the report.
        worker: writes the sections instead of a model.
        quantity: what is forecast; an empty text for no forecasts.
        horizon: of the forecast.
        unit: of the numbers.

    Raises:
        UsageError: there are neither sections nor forecasts.
    """

    def __init__(
        self,
        sections: Mapping[str, str] | None,
        prompts: Mapping[str, Prompt],
        model: ModelLike | None,
        worker: WorkerLike | None,
        *,
        quantity: str,
        horizon: str,
        unit: str,
    ) -> None:
        check_named(SECTIONS if sections is None else sections, "sections")
        self._sections = dict(SECTIONS if sections is None else sections)
        if not self._sections and not quantity:
            raise UsageError("there are neither sections nor forecasts; pass sections= or quantity=")
        self._quantity, self._horizon, self._unit = quantity, horizon, unit
        self.writer = Ask(prompts["report"], model=model)
        own = None if worker is None else as_worker(worker, "sectioning/section")
        self.workers: dict[str, WorkerLike] = {SECTION: own or Ask(prompts["section"], model=model)}
        self.inputs: dict[str, Callable[[Section], object]] = {FORECAST: _forecast_input}
        if own is None:
            self.inputs[SECTION] = self.section_input

    def plan(self, given: Mapping[str, Any], context: Context) -> Sequence[Section]:
        """Return the sections of the report, and a forecast for each region.

        Raises:
            InputError: the subject, the regions or the material are not valid.
        """
        subject, regions = require_text(given, "subject"), _read_regions(given)
        texts = optional_texts(given, "material", "text")
        material = "\n\n".join([subject, *(f"{name}:\n\n{text}" for name, text in texts.items())])
        sections = [
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
        forecasts = [
            Section(
                id=f"{FORECAST}/{region}",
                title=f"{FORECAST} {region}",
                content=material,
                instructions=f"Forecast {self._quantity} in {region}, {self._horizon}, in {self._unit}.",
                worker=FORECAST,
                data={"region": region},
            )
            for region in (regions if self._quantity else ())
        ]
        return [*sections, *forecasts]

    def section_input(self, section: Section) -> dict[str, str]:
        """Return the variables of the prompt that writes a section."""
        return {"title": section.title, "brief": str(section.data["brief"]), "material": section.content}

    async def close(self, gathered: Gathered) -> Mapping[str, Any]:
        """Write the report, and put the table of forecasts below it.

        If the report cannot be written, the sections stand in its place.
        """
        study = MarketStudy(
            subject=str(gathered.given["subject"]),
            text="",
            forecasts=[
                _forecast(str(section.data["region"]), gathered.branches.get(section.id))
                for section in gathered.sections
                if section.worker == FORECAST
            ],
            unit=self._unit,
            missing=gathered.missing,
        )
        written = [(section.title, value) for section, value in gathered.of_worker(SECTION)]
        values = {
            "subject": study.subject,
            "sections": as_sections(written) or "None.",
            "forecasts": as_markdown(forecast_rows(study)) or "None.",
            "missing": ", ".join(gathered.missing),
        }
        text = await gathered.attempt("write", lambda _: self.writer.ainvoke(values), optional=True)
        texts = [(title, as_text(value)) for title, value in written]
        study = study.model_copy(
            update={
                "text": text or values["sections"],
                "uncited": uncited(texts, str(text)) if text else [],
            }
        )
        return {"market_study": study, "markdown": study_markdown(study)}


def _forecast_input(section: Section) -> dict[str, str]:
    """Return the question of a forecast: the material first, with which those of all regions begin."""
    return {"question": f"{section.content}\n\n{section.instructions}"}


def _read_regions(given: Mapping[str, Any]) -> list[str]:
    regions = given.get("regions") or []
    if not isinstance(regions, list | tuple) or not all(isinstance(r, str) and r.strip() for r in regions):
        raise InputError(
            f"regions is {shown(regions)}; expected a list of non-empty texts: {{'regions': ['Norway', ...]}}"
        )
    if repeated := [region for region in regions if regions.count(region) > 1]:
        raise InputError(f"regions has {repeated[0]!r} twice; pass each region once")
    return list(regions)


def _forecast(region: str, branch: Branch | None) -> Forecast:
    """Return the forecast of one region; without a value, its note says why."""
    vote = read_vote(branch)
    if vote is None:
        cause = "it never started" if branch is None else branch.error or branch.status
        return Forecast(region=region, note=cause)
    choice, verdict = vote.verdict.choice, vote.verdict
    numbers = {
        ballot.voter: float(ballot.choice)
        for ballot in vote.ballots
        if ballot.cast and isinstance(ballot.choice, int | float)
    }
    return Forecast(
        region=region,
        value=float(choice) if isinstance(choice, int | float) else None,
        interval=verdict.interval,
        forecasts=numbers,
        dissent=outliers(numbers),
        asked=verdict.asked + verdict.not_asked,
        note="" if choice is not None else "too few forecasts",
    )
