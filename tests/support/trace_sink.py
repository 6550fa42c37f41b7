"""A local sink for LangSmith traces: it takes what the client posts, and builds the tree of runs."""

import email
import email.policy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class TraceSink:
    """Receives runs over HTTP, as `LANGSMITH_ENDPOINT`."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[str, Any]] = {}
        self._lock = threading.Lock()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._reply(b"{}")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kind = self.headers["Content-Type"]
                message = email.message_from_bytes(
                    f"Content-Type: {kind}\r\n\r\n".encode() + body, policy=email.policy.HTTP
                )
                for part in message.iter_parts():
                    sink._take(part)
                self._reply(b"{}")

            def _reply(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """What `LANGSMITH_ENDPOINT` has to be."""
        return f"http://127.0.0.1:{self._server.server_port}"

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

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, part: Any) -> None:
        name = part.get_param("name", header="content-disposition")
        method, _, rest = str(name).partition(".")
        run_id, _, field = rest.partition(".")
        if method not in {"post", "patch"}:
            return
        value = json.loads(part.get_payload(decode=True))
        with self._lock:
            held = self.runs.setdefault(run_id, {"id": run_id})
            held.update({field: value} if field else {k: v for k, v in value.items() if v is not None})
