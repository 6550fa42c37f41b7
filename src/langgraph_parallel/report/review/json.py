"""A review as JSON. `docs/review.schema.json` is generated from the records."""

from typing import Any, Literal

from langgraph_parallel.records import Review, RunReport


class ReviewDocument(Review):
    """A review as a JSON document."""

    format: Literal["langgraph-parallel/review"] = "langgraph-parallel/review"
    """Identifies the format."""
    version: Literal[1] = 1
    """Version of the format; increased when a field is removed or changes its meaning, not for new fields."""
    run: RunReport | None = None
    """The measurements of the run, which differ from run to run; None if not requested."""


def json_report(review: Review, run: RunReport | None = None) -> str:
    """Render a review as JSON; `ReviewDocument.model_validate_json` reads it back.

    Args:
        review: the review.
        run: measurements to include; None for a document that depends on the review alone.
    """
    return ReviewDocument(**dict(review), run=run).model_dump_json(indent=2) + "\n"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of `json_report`."""
    return ReviewDocument.model_json_schema(mode="serialization")
