"""Paths of a review as its report shows them: relative to a folder."""

from langgraph_parallel.records import Finding, Review, Skipped


def relative_to(review: Review, folder: str) -> Review:
    """Return a review whose paths are relative to a folder; those outside of it stay as they are.

    Args:
        review: the review.
        folder: a path as those of the review begin; empty for no change.
    """
    if not folder:
        return review
    start = f"{folder.rstrip('/')}/"

    def finding(item: Finding) -> Finding:
        return item.model_copy(update={"path": item.path.removeprefix(start)})

    def skipped(items: list[Skipped]) -> list[Skipped]:
        return [item.model_copy(update={"path": item.path.removeprefix(start)}) for item in items]

    coverage = review.coverage
    return review.model_copy(
        update={
            "findings": [finding(item) for item in review.findings],
            "coverage": coverage.model_copy(
                update={
                    "skipped": skipped(coverage.skipped),
                    "not_reviewed": skipped(coverage.not_reviewed),
                    "unread": skipped(coverage.unread),
                }
            ),
        }
    )
