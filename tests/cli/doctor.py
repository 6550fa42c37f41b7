"""Helpers for tests of the command `doctor`."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from langgraph_parallel.cli.app import run
from langgraph_parallel.cli.doctor import installed
from langgraph_parallel.cli.doctor.record import Check, Diagnosis
from tests.support.server import ModelServer, Reply, Request

ANSWER = Reply(text="OK")


class Doctor:
    """Runs the command, without the engines, which take seconds to start."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(installed, "ENGINES", ())
        self._capsys = capsys
        self.code = 0
        self.printed = ""

    def text(self, *arguments: str) -> str:
        """Return what the command prints; nothing may come on standard error."""
        self.code = run(["doctor", *arguments])
        self.printed, err = self._capsys.readouterr()
        assert err == ""
        assert "Traceback" not in self.printed
        return self.printed

    def found(self, *arguments: str) -> dict[str, list[Check]]:
        """Return the checks by name; the exit code must agree with them."""
        diagnosis = Diagnosis.model_validate_json(self.text("--format", "json", *arguments))
        has_problem = any(check.status == "problem" for check in diagnosis.checks)
        assert diagnosis.ok is not has_problem
        assert self.code == (1 if has_problem else 0)
        names: dict[str, list[Check]] = {}
        for check in diagnosis.checks:
            names.setdefault(check.name, []).append(check)
        return names


def refuse(
    server: ModelServer, parameter: str, message: str, *, named: bool = True, status: int = 400
) -> None:
    """Refuse every request that has a parameter.

    Args:
        server: that refuses.
        parameter: of the request, or a format of records.
        message: what the server says.
        named: whether the error names the parameter in a field of its own.
        status: of the refusal.
    """
    error = {"message": message, "type": "invalid_request_error", "param": parameter if named else None}

    def has_it(request: Request) -> bool:
        format = (request.body.get("response_format") or {}).get("type")
        return parameter in request.body or parameter == format

    server.on(has_it, Reply(status=status, body={"error": error}))


def completion(*texts: str, **more: Any) -> dict[str, Any]:
    """Return the body of an answer with one choice for each text."""
    choices = [
        {"index": i, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for i, text in enumerate(texts)
    ]
    return {"choices": choices, "usage": {"prompt_tokens": 9, "completion_tokens": 2}, **more}


def make_able(server: ModelServer, headers: Mapping[str, str] | None = None) -> None:
    """Make a server that takes everything."""
    headers = dict(headers or {})
    server.always(Reply(text="OK", headers=headers))
    server.on(lambda request: "response_format" in request.body, Reply(headers=headers))
    server.on("Name any colour", Reply(json={"shade": "red"}, headers=headers))
    server.on(lambda request: "tools" in request.body, Reply(headers=headers))
    server.on("numbers from 1 to 40", Reply(text="1 2 3", finish="length", usage=(20, 16), headers=headers))
    details = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
    two = completion("OK", "OK", usage=details)
    server.on(lambda request: request.body.get("n") == 2, Reply(body=two, headers=headers))
    server.models = {"data": [{"id": "test-model", "max_model_len": 4096}, {"id": "other"}]}


def dump(found: Mapping[str, list[Check]]) -> str:
    """Return everything that was found as one text."""
    return json.dumps([check.model_dump() for checks in found.values() for check in checks])
