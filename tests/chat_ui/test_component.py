"""The component for chat UIs, as the Agent Server serves it."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from langgraph_parallel.chat_ui import app

NAME = "langgraph_parallel_progress"


def test_a_ui_gets_style_and_script_in_one_answer() -> None:
    """Nothing more is loaded, from whatever host the page of the UI is."""
    answer = TestClient(app).post("/ui/voting", json={"name": NAME})
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.text.count("<style>") == answer.text.count("<script>") == 1
    assert answer.text.count("{{shadowRootId}}") == 1  # the SDK puts it in once
    assert "src=" not in answer.text
    assert "http" not in answer.text


@pytest.mark.parametrize(
    ("body", "status"),
    [({"name": "other"}, 404), ({}, 422), ([], 422), (None, 422)],
    ids=["another name", "no name", "a list", "null"],
)
def test_another_request_says_what_was_expected(body: Any, status: int) -> None:
    """A component of the app's own is told from ours, and a wrong body is no error of the server."""
    answer = TestClient(app).post("/ui/voting", json=body)
    assert answer.status_code == status
    assert "name" in answer.json()["detail"] or NAME in answer.json()["detail"]
