"""A code host on loopback: the part of its REST API that comments on pull requests need."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from tests.support.receiver import POLL

TOKEN = "token-of-the-workflow"
MOST = 65_536
"""Characters of a comment."""
BOT = {"login": "github-actions[bot]", "type": "Bot"}
EVE = {"login": "eve", "type": "User"}


class CodeHost:
    """Has the comments of one pull request, number 7 of `place/project`.

    Attributes:
        comments: in their order.
        writes: whether the token may write, which it may not for forks.
        author: whom the token stands for; an app cannot ask who it is.
        failures: statuses with which the next requests fail.
        lost: number of next changes that are made and then answered with 502.
        requests: method and path of each.
    """

    def __init__(self) -> None:
        self.comments: list[dict[str, Any]] = []
        self.writes = True
        self.author = BOT
        self.failures: list[int] = []
        self.lost = 0
        self.requests: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL,), daemon=True)

    @property
    def url(self) -> str:
        """The value for `GITHUB_API_URL`."""
        return f"http://127.0.0.1:{self._server.server_port}/api"

    @property
    def changes(self) -> list[str]:
        """Methods of the requests that change something."""
        return [method for method, _ in self.requests if method != "GET"]

    def add(self, body: str, author: dict[str, str] = EVE) -> dict[str, Any]:
        """Add a comment."""
        comment = {"id": 100 + len(self.comments), "body": body, "user": author}
        self.comments.append(comment)
        return comment

    def answer(self, method: str, target: str, body: Any) -> tuple[int, Any, str]:
        """Return status, content and the `Link` header of an answer."""
        url = urlsplit(target)
        self.requests.append((method, url.path))
        if url.path == "/api/user":
            allowed = self.author["type"] == "User"
            return (200, self.author, "") if allowed else (403, {"message": "not accessible"}, "")
        if self.failures:
            return self.failures.pop(0), {"message": "it failed"}, ""
        if method == "GET" and url.path == "/api/repos/place/project/issues/7/comments":
            return self._page(target, **{key: int(values[0]) for key, values in parse_qs(url.query).items()})
        if not self.writes:
            return 403, {"message": "Resource not accessible by integration"}, ""
        return self._change(method, url.path, body["body"])

    def _page(self, target: str, per_page: int = 30, page: int = 1) -> tuple[int, Any, str]:
        rest = self.comments[(page - 1) * per_page :]
        base = f"{self.url.removesuffix('/api')}{target.partition('?')[0]}"
        link = f'<{base}?per_page={per_page}&page={page + 1}>; rel="next"' if len(rest) > per_page else ""
        return 200, rest[:per_page], link

    def _change(self, method: str, path: str, body: str) -> tuple[int, Any, str]:
        if len(body) > MOST:
            return 422, {"message": "body is too long"}, ""
        found = re.fullmatch(r"/api/repos/place/project/issues/comments/(\d+)", path)
        if method == "POST" and path == "/api/repos/place/project/issues/7/comments":
            changed = self.add(body, self.author)
        elif method == "PATCH" and found:
            changed = next(comment for comment in self.comments if comment["id"] == int(found[1]))
            changed["body"] = body
        else:
            return 404, {"message": "Not Found"}, ""
        if self.lost:
            self.lost -= 1
            return 502, {"message": "Bad Gateway"}, ""
        return 201, changed, ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(host: CodeHost) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._any()

        def do_POST(self) -> None:
            self._any()

        def do_PATCH(self) -> None:
            self._any()

        def _any(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer, link = 401, {"message": "Bad credentials"}, ""
            if self.headers["Authorization"] == f"Bearer {TOKEN}":
                status, answer, link = host.answer(self.command, self.path, json.loads(content or "null"))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if link:
                self.send_header("Link", link)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Be quiet."""

    return Handler
