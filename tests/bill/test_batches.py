"""The files and batches of the server that bills."""

import json
import time
from dataclasses import replace
from typing import Any

import pytest
from openai import APIConnectionError, OpenAI

from benchmarks.billing.client import Remote
from benchmarks.billing.profile import FREE
from tests.bill.test_server import AT_ONCE, body


def submit(client: OpenAI, number: int) -> Any:
    """Submit a batch of short requests."""
    lines = [
        {"custom_id": str(n), "method": "POST", "url": "/v1/chat/completions", "body": body(f"Hello {n}")}
        for n in range(number)
    ]
    content = "\n".join(json.dumps(line) for line in lines).encode()
    file = client.files.create(purpose="batch", file=("b.jsonl", content))
    return client.batches.create(
        input_file_id=file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"ledger": "x"},
    )


def ended(client: OpenAI, batch: Any) -> Any:
    """Wait for the end of a batch."""
    while batch.status in ("validating", "in_progress", "cancelling", "finalizing"):
        time.sleep(0.005)
        batch = client.batches.retrieve(batch.id)
    return batch


def rows(client: OpenAI, file: str | None) -> list[dict[str, Any]]:
    """Read a file of results."""
    return [json.loads(line) for line in client.files.content(file).text.splitlines()] if file else []


def test_a_batch_costs_half(till: Remote, client: OpenAI) -> None:
    """Every request of a batch is answered under its id, at half the price."""
    till.reset(AT_ONCE)
    batch = ended(client, submit(client, 3))
    assert (batch.status, batch.metadata) == ("completed", {"ledger": "x"})
    answers = rows(client, batch.output_file_id)
    assert [row["custom_id"] for row in answers] == ["0", "1", "2"]
    bill = till.bill()
    assert bill.usd == sum(FREE.usd(line.tokens) for line in bill.lines) / 2
    assert [one.id for one in client.batches.list()] == [batch.id]


def test_batches_expire_fail_and_are_cancelled(till: Remote, client: OpenAI) -> None:
    """What was not worked on is billed nothing, and comes back as what it is."""
    till.reset(replace(AT_ONCE, batch_seconds_each=0.05, batch_expires=0.07))
    batch = ended(client, submit(client, 4))
    assert batch.status == "expired"
    expired = rows(client, batch.error_file_id)
    assert {row["error"]["code"] for row in expired} == {"batch_expired"}
    assert len(expired) + len(rows(client, batch.output_file_id)) == 4
    assert len(till.bill().lines) == len(rows(client, batch.output_file_id))
    till.reset(replace(AT_ONCE, batch_failing=1.0))
    failed = rows(client, ended(client, submit(client, 2)).error_file_id)
    assert [row["response"]["status_code"] for row in failed] == [500, 500]
    till.reset(replace(AT_ONCE, batch_seconds=60))
    batch = submit(client, 2)
    client.batches.cancel(batch.id)
    assert ended(client, batch).status == "cancelled"
    assert not till.bill().lines
    till.reset(replace(AT_ONCE, batch_enqueued=1))
    refused = submit(client, 2)
    assert (refused.status, refused.errors.data[0].code) == ("failed", "token_limit_exceeded")


def test_a_lost_connection_leaves_the_batch_behind(till: Remote, client: OpenAI) -> None:
    """A request whose answer is lost was carried out all the same."""
    till.reset(replace(AT_ONCE, batch_lost=1.0))
    content = json.dumps({"custom_id": "a", "body": body("Hello")}).encode()
    with pytest.raises(APIConnectionError):
        client.files.create(purpose="batch", file=("b.jsonl", content))
    with pytest.raises(APIConnectionError):
        client.batches.create(
            input_file_id="file-1", endpoint="/v1/chat/completions", completion_window="24h"
        )
    assert till.bill().posted == ["a"]
