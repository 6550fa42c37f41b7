"""The requests of the Batch API, with the HTTP client and the headers that a model has itself."""

import json
import secrets
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from langgraph_parallel.errors import ModelError
from langgraph_parallel.runtime.batch.settings import COMPLETIONS, MARK, WINDOW, bounds
from langgraph_parallel.runtime.client_errors import is_timeout_error
from langgraph_parallel.runtime.failure import classify
from langgraph_parallel.runtime.transport import Connection

INSTEAD = (
    "ask it live (lane='live', without --batch), or set without_batch='live' to send such calls live, at the "
    "full price"
)
"""What to do about calls that cannot be in a batch."""
_PAGE = 100
_MISSING = (404, 405, 501)
"""How endpoints without the Batch API answer."""


class NoBatchApi(ModelError):
    """An endpoint has no Batch API."""


class Client:
    """The Batch API of one endpoint, by one account.

    Every method makes one request, and raises the SDK's error; `found` one for each page.

    Args:
        connection: of a model.
    """

    def __init__(self, connection: Connection) -> None:
        self._with = connection

    async def upload(self, name: str, content: bytes) -> str:
        """Upload the file of a batch; return its id.

        Raises:
            NoBatchApi: the endpoint takes no files.
        """
        boundary = secrets.token_hex(16)
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/jsonl\r\n\r\n"
        )
        form = b"".join([head.encode(), content, f"\r\n--{boundary}--\r\n".encode()])
        answer = await self._ask("POST", "/files", form, f"multipart/form-data; boundary={boundary}")
        return str(answer["id"])

    async def create(self, file: str, id: str) -> Mapping[str, Any]:
        """Create a batch of an uploaded file.

        Args:
            file: id of the file.
            id: of the batch in the ledger, which its metadata carries.

        Raises:
            NoBatchApi: the endpoint takes no batches.
        """
        wanted = {
            "input_file_id": file,
            "endpoint": COMPLETIONS,
            "completion_window": WINDOW,
            "metadata": {MARK: id},
        }
        return await self._ask("POST", "/batches", json.dumps(wanted).encode())

    async def get(self, remote: str) -> Mapping[str, Any]:
        """Return a batch as it is now."""
        return await self._ask("GET", f"/batches/{quote(remote)}")

    async def cancel(self, remote: str) -> Mapping[str, Any]:
        """Cancel a batch; what it has answered by then it keeps."""
        return await self._ask("POST", f"/batches/{quote(remote)}/cancel")

    async def found(self, id: str) -> list[Mapping[str, Any]]:
        """Return the batches whose metadata carries an id of the ledger, but for those that were refused."""
        return [
            batch
            async for batch in self._all()
            if (batch.get("metadata") or {}).get(MARK) == id and batch.get("status") != "failed"
        ]

    def patience(self, error: BaseException) -> float:
        """Return the seconds for which a request may still be under way that has failed with an error."""
        limits = dict(self._with.extensions.get("timeout") or {})
        own = max((float(limits.get(name) or 0.0) for name in ("read", "write")), default=0.0)
        return max(bounds.late_creation, own) if is_timeout_error(error) else bounds.late_creation

    async def is_offered(self) -> bool:
        """Return whether the endpoint has batches: it lists them, or says what is wrong with an empty one.

        Raises:
            Exception: the SDK's error, if it says neither.
        """
        for method, path, content in (("GET", "/batches?limit=1", b""), ("POST", "/batches", b"{}")):
            try:
                await self._send(method, path, content)
            except NoBatchApi:
                continue
            except Exception as error:
                if classify(error).status in _MISSING:
                    continue
                if not is_certain(error):
                    raise
            return True
        return False

    async def content(self, file: str) -> bytes:
        """Return the content of a file."""
        response = await self._send("GET", f"/files/{quote(file)}/content")
        return bytes(response.content)

    async def delete(self, file: str) -> None:
        """Delete a file."""
        await self._send("DELETE", f"/files/{quote(file)}")

    async def _all(self) -> AsyncIterator[Mapping[str, Any]]:
        after = ""
        while True:
            page = await self._ask("GET", f"/batches?limit={_PAGE}{after}")
            batches = page.get("data") or []
            for batch in batches:
                yield batch
            if not page.get("has_more") or not batches:
                return
            after = f"&after={quote(str(page.get('last_id') or batches[-1]['id']))}"

    async def _ask(
        self, method: str, path: str, content: bytes = b"", kind: str = "application/json"
    ) -> Mapping[str, Any]:
        response = await self._send(method, path, content, kind)
        body = response.json()
        # A page of a proxy, for example: to be repeated, like an answer that is cut off.
        if not isinstance(body, Mapping) or not (body.get("id") or "data" in body):
            raise json.JSONDecodeError("the answer of the Batch API has no id", response.text[:80], 0)
        return body

    async def _send(
        self, method: str, path: str, content: bytes = b"", kind: str = "application/json"
    ) -> Any:
        import httpx2

        from langgraph_parallel.runtime.sdk_errors import api_error

        headers = httpx2.Headers(self._with.headers)
        headers["Content-Type"] = kind
        if not content:
            del headers["Content-Type"]
        request = httpx2.Request(
            method,
            f"{self._with.base}{path}",
            headers=headers,
            content=content,
            extensions=dict(self._with.extensions),
        )
        response = await self._with.http.send(request)
        if response.status_code >= 300:
            error = api_error(response)
            if response.status_code in _MISSING and path in ("/files", "/batches"):
                raise NoBatchApi(
                    f"{self._with.base} has no Batch API ({method} {path} answers {response.status_code}); "
                    f"{INSTEAD}"
                ) from error
            raise error
        return response


def may_pass(error: BaseException) -> bool:
    """Return whether a request to the Batch API may succeed if it is repeated."""
    return not isinstance(error, NoBatchApi) and classify(error).is_transient


def is_certain(error: BaseException) -> bool:
    """Return whether an error says for sure that the endpoint has not done what it was asked for."""
    failure = classify(error)
    return failure.status is not None and failure.status < 500
