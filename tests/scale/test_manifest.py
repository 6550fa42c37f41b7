"""Whether rows were made with what is to make the others."""

import json
from dataclasses import replace

import pytest

from langgraph_parallel.catalogue.spelling import COMMAND
from langgraph_parallel.errors import UsageError
from langgraph_parallel.scale.manifest import check_same
from langgraph_parallel.scale.sinks.base import Manifest

PARTS = {
    "graph": "labeling",
    "model": "openai:small",
    "settings": ["items=3", "voters=3"],
    "prompts": {"label": "1f3a", "repair": "77aa"},
}
STORED = Manifest(id="1", fingerprint="f", parts=json.loads(json.dumps(PARTS)))


def test_the_same_program_may_go_on() -> None:
    """As it is, as JSON has it, and where nothing is stored."""
    check_same(None, PARTS)
    check_same(STORED, PARTS)
    check_same(STORED, PARTS | {"settings": ("items=3", "voters=3")})


def test_each_difference_is_named_with_what_was_and_is() -> None:
    """Parts in parts by both names; what is not there is said; long values are cut."""
    now = {
        "graph": "labeling",
        "model": "openai:large\x1b[2J" + "x" * 100,
        "prompts": {"label": "9999", "repair": "77aa"},
        "fallbacks": ["a"],
    }
    with pytest.raises(UsageError) as raised:
        check_same(STORED, now, spelling=COMMAND)
    said, _, way_out = str(raised.value).partition(". Name another sink")
    parts = said.split("; ")
    start = "the rows of this sink were made with something else: "
    assert parts[0].startswith(start + 'model was "openai:small", is "openai:large\\u001b[2Jxxx')
    assert parts[0].endswith("...")
    assert parts[1:] == [
        'settings was ["items=3", "voters=3"], is not there',
        'prompts.label was "1f3a", is "9999"',
        'fallbacks was not there, is ["a"]',
    ]
    assert "--mixed" in way_out
    assert "mixed=True" not in way_out
    with pytest.raises(UsageError, match=r"; mixed=True adds rows of both"):
        check_same(STORED, now)


@pytest.mark.parametrize("name", ["graph", "settings"])
def test_what_follows_from_the_settings_is_not_named_beside_them(name: str) -> None:
    """A digest says nothing; alone it is all that there is to say."""
    following = {"built": {"voters": 5}, "asked": "9c1e"}
    with pytest.raises(UsageError) as refused:
        check_same(STORED, PARTS | following)
    assert all(part in str(refused.value) for part in ("built was", "asked was"))
    with pytest.raises(UsageError) as refused:
        check_same(STORED, PARTS | following | {name: '["a", "b"]', "model": "openai:large"})
    said = str(refused.value)
    assert 'is ["a", "b"]' in said
    assert "openai:large" in said
    assert not any(part in said for part in ("built", "asked"))


def test_many_differences_are_counted() -> None:
    """The first dozen is named."""
    stored = replace(STORED, parts={f"part{number}": 1 for number in range(30)})
    with pytest.raises(UsageError, match="and 18 more"):
        check_same(stored, {})


def test_mixed_rows_are_welcome_where_they_are_asked_for() -> None:
    """The column `made_with` tells them apart."""
    check_same(STORED, {"graph": "voting"}, mixed=True)
