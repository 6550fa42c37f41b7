"""Labels as tables."""

import json
from collections.abc import Iterable
from typing import Any

from langgraph_parallel.records import Label
from langgraph_parallel.report.tables import as_csv, as_jsonl


def label_rows(labels: Iterable[Label]) -> list[dict[str, Any]]:
    """Labels as rows of plain values."""
    return [
        {
            "item": one.item,
            "label": one.label,
            "status": one.status,
            "support": str(one.support),
            "contested": one.contested,
            "votes": "; ".join(f"{voter}: {choice}" for voter, choice in one.votes.items()),
        }
        for one in labels
    ]


def labels_csv(labels: Iterable[Label]) -> str:
    """Labels as CSV."""
    return as_csv(label_rows(labels))


def labels_jsonl(labels: Iterable[Label]) -> str:
    """Labels as JSON lines."""
    return as_jsonl(json.loads(one.model_dump_json()) for one in labels)
