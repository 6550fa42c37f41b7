"""A fake of LangSmith's API on loopback: datasets, examples, experiments, runs and feedback, in memory."""

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from typing import Any
from urllib.parse import parse_qs, urlsplit

from langsmith import Client

from tests.support.trace_sink import TraceSink
from tests.support.traces import INFO

_MADE = "2026-01-01T00:00:00+00:00"


class FakeLangSmith(TraceSink):
    """Answers as the API does, and keeps what was written."""

    client: Client

    def __init__(self) -> None:
        super().__init__()
        self.datasets: dict[str, dict[str, Any]] = {}
        self.examples: list[dict[str, Any]] = []
        self.experiments: list[dict[str, Any]] = []
        self.feedback: list[dict[str, Any]] = []

    def add(self, name: str, examples: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
        """Add a dataset, with inputs and outputs of its examples."""
        dataset = self._add_dataset({"name": name})
        for inputs, outputs in examples:
            self._add_example({"inputs": inputs, "outputs": outputs, "dataset_id": dataset["id"]})

    def show(self, path: str) -> bytes:
        """Answer a GET."""
        asked, query = urlsplit(path).path, parse_qs(urlsplit(path).query)
        found: Any = {}
        if asked == "/datasets":
            found = [one for name, one in self.datasets.items() if name in query.get("name", self.datasets)]
        elif asked == "/examples":
            offset = int(query.get("offset", ["0"])[0])
            found = [one for one in self.examples if one["dataset_id"] in query["dataset"]][offset:]
        elif asked == "/sessions":
            named = query.get("name")
            found = [one for one in self.experiments if named is None or one["name"] in named]
        return json.dumps(found).encode()

    def take(self, path: str, headers: "Message[str, str]", body: bytes) -> bytes:
        """Take a POST."""
        if path.startswith("/runs/multipart"):
            self._take_feedback(body)
            return super().take(path, headers, body)
        given = json.loads(body)
        if path == "/datasets":
            return json.dumps(self._add_dataset(given)).encode()
        if path == "/examples/bulk":
            return json.dumps([self._add_example(one) for one in given]).encode()
        if path == "/sessions":
            made = {"start_time": _MADE, **given, "id": str(uuid.uuid4()), "tenant_id": str(uuid.uuid4())}
            self.experiments.append(made)
            return json.dumps(made).encode()
        if path == "/runs/query":
            return json.dumps({"runs": list(self._runs_of(given["session"])), "cursors": {}}).encode()
        if path == "/feedback":
            self.feedback.append(given)
        return b"{}"

    def _runs_of(self, ids: list[str]) -> Iterator[dict[str, Any]]:
        names = {one["name"] for one in self.experiments if one["id"] in ids}
        for run in self.runs.values():
            if run["session_name"] in names:
                yield {**run, "total_cost": 0.25, "app_path": "/run"}

    def _take_feedback(self, body: bytes) -> None:
        for part in body.split(b"\r\n\r\n")[1:]:
            text = part.partition(b"\r\n--")[0]
            if text.startswith(b"{") and b'"score"' in text:
                self.feedback.append(json.loads(text))

    def _add_dataset(self, given: dict[str, Any]) -> dict[str, Any]:
        dataset = {"id": str(uuid.uuid4()), "created_at": _MADE, "name": given["name"]}
        self.datasets[given["name"]] = dataset
        return dataset

    def _add_example(self, given: dict[str, Any]) -> dict[str, Any]:
        example = {"id": str(uuid.uuid4()), "created_at": _MADE, "modified_at": _MADE, **given}
        self.examples.append(example)
        return example


@contextmanager
def langsmith() -> Iterator[FakeLangSmith]:
    """Run the fake, with a client that knows no other address."""
    with FakeLangSmith() as fake:
        fake.client = Client(api_url=fake.url, api_key="lsv2_not_a_real_key", info=INFO)
        try:
            yield fake
        finally:
            fake.client.close()
