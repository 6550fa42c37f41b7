"""A local sink for LangSmith's feedback and annotation queues."""

import json
import uuid
from email.message import Message
from typing import Any
from urllib.parse import unquote_plus

from tests.support.receiver import Receiver

PROJECT = str(uuid.uuid4())


class FeedbackSink(Receiver):
    """Takes feedback, and runs for the queues that it has."""

    def __init__(self, *queues: str) -> None:
        super().__init__()
        self.feedback: list[dict[str, Any]] = []
        self.queued: dict[str, list[dict[str, Any]]] = {}
        self._queues = {name: str(uuid.uuid4()) for name in queues}

    def show(self, path: str) -> bytes:
        """Return the project, or the queues; nothing else is known."""
        moment, tenant = "2026-01-01T00:00:00Z", str(uuid.uuid4())
        if path.startswith("/sessions"):
            project = {"id": PROJECT, "start_time": moment, "tenant_id": tenant, "reference_dataset_id": None}
            return json.dumps([project]).encode()
        if not path.startswith("/annotation-queues"):
            return b"{}"
        found = [(name, id) for name, id in self._queues.items() if f"name={name}" in unquote_plus(path)]
        common = {"created_at": moment, "updated_at": moment, "tenant_id": tenant}
        return json.dumps([{"id": id, "name": name, **common} for name, id in found]).encode()

    def take(self, path: str, headers: "Message[str, str]", body: bytes) -> bytes:
        """Take feedback, or runs for a queue."""
        if path.startswith("/feedback"):
            self.feedback.append(json.loads(body))
        for name, id in self._queues.items():
            if path.partition("?")[0].endswith(f"/annotation-queues/{id}/items"):
                self.queued.setdefault(name, []).extend(json.loads(body)["items"])
                return b'{"items": []}'
        return b"{}"
