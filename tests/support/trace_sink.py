"""A local sink for LangSmith traces: it takes what the client posts, and builds the tree of runs."""

import email
import email.policy
import json
from email.message import Message
from typing import Any

from tests.support.receiver import Receiver


class TraceSink(Receiver):
    """Receives runs; `LANGSMITH_ENDPOINT` has to be its address."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, dict[str, Any]] = {}

    def take(self, path: str, headers: "Message[str, str]", body: bytes) -> bytes:
        """Take runs, which come in parts of one body."""
        message = email.message_from_bytes(
            f"Content-Type: {headers['Content-Type']}\r\n\r\n".encode() + body, policy=email.policy.HTTP
        )
        for part in message.iter_parts():
            self._take_part(part)
        return b"{}"

    def children(self, parent: str | None) -> list[dict[str, Any]]:
        """Runs below a run, in the order in which they started."""
        found = [run for run in self.runs.values() if run.get("parent_run_id") == parent]
        return sorted(found, key=lambda run: str(run["dotted_order"]))

    def named(self, name: str) -> list[dict[str, Any]]:
        """Runs of a name."""
        return [run for run in self.runs.values() if run["name"] == name]

    def ancestors(self, run: dict[str, Any]) -> list[str]:
        """Names of the runs above a run, from the root down."""
        names: list[str] = []
        while parent := run.get("parent_run_id"):
            run = self.runs[parent]
            names.insert(0, run["name"])
        return names

    def _take_part(self, part: Any) -> None:
        name = part.get_param("name", header="content-disposition")
        method, _, rest = str(name).partition(".")
        run_id, _, field = rest.partition(".")
        if method not in {"post", "patch"}:
            return
        value = json.loads(part.get_payload(decode=True))
        held = self.runs.setdefault(run_id, {"id": run_id})
        held.update({field: value} if field else {k: v for k, v in value.items() if v is not None})
