"""The report as JSON. The schema is in `docs/review.schema.json`, and made from the records."""

from typing import Any, Literal

from langgraph_parallel.records import Review, RunReport


class ReviewDocument(Review):
    """A review as a JSON document."""

    format: Literal["langgraph-parallel/review"] = "langgraph-parallel/review"
    version: Literal[1] = 1
    """Raised when a field changes its meaning or goes; new fields do not raise it."""
    run: RunReport | None = None
    """The run's numbers, where they were asked for: they differ from run to run."""


def json_report(review: Review, run: RunReport | None = None) -> str:
    """Render a review as a JSON document; `ReviewDocument.model_validate_json` reads it back."""
    return ReviewDocument(**dict(review), run=run).model_dump_json(indent=2) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON schema of the document."""
    return ReviewDocument.model_json_schema(mode="serialization")
