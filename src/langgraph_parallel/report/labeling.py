"""Labels as CSV and JSON lines."""

import json
from collections.abc import Iterable
from typing import Any

from langgraph_parallel.records import Label
from langgraph_parallel.report.tables import as_csv, as_jsonl


def label_rows(labels: Iterable[Label]) -> list[dict[str, Any]]:
    """Return one table row for each label."""
    return [
        {
            "item": label.item,
            "label": label.label,
            "status": label.status,
            "support": str(label.support),
            "contested": label.contested,
            "votes": "; ".join(f"{voter}: {choice}" for voter, choice in label.votes.items()),
        }
        for label in labels
    ]


def labels_csv(labels: Iterable[Label]) -> str:
    """Return labels as CSV, with the columns of `label_rows`."""
    return as_csv(label_rows(labels))


def labels_jsonl(labels: Iterable[Label]) -> str:
    """Return labels as JSON lines, with all fields of `Label`."""
    return as_jsonl(json.loads(label.model_dump_json()) for label in labels)
