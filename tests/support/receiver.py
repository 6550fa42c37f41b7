"""A server on loopback that takes what is posted to it."""

import threading
from abc import ABC, abstractmethod
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

POLL = 0.01
"""Seconds after which a server of the standard library sees that it is told to end; else they are 0.5."""


class Receiver(ABC):
    """Answers every request with 200; what is posted, a subclass takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                with receiver._lock:
                    answer = receiver.show(self.path)
                self._reply(answer)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver._lock:
                    answer = receiver.take(self.path, self.headers, body)
                self._reply(answer)

            def _reply(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                """Be quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL,), daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def show(self, path: str) -> bytes:
        """Return the body of the answer to a GET."""
        return b"{}"

    @abstractmethod
    def take(self, path: str, headers: "Message[str, str]", body: bytes) -> bytes:
        """Take what was posted, one request at a time, and return the body of the answer."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
