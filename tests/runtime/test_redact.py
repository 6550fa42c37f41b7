"""Errors as text: secrets are masked."""

import pytest

from langgraph_parallel.runtime.redact import describe, redact


@pytest.mark.parametrize(
    "secret",
    [
        "sk-abc123456789",
        "sk-proj-abc_123-456.789",
        "lsv2_pt_abcdef123456",
        "ghp_abcdefghijklmnop",
        "xoxb-123456-abcdef",
        "hf_abcdefghij",
        "Bearer abc.def.ghi",
        "bearer abcdef",
    ],
)
def test_what_looks_like_a_key_is_masked(secret: str) -> None:
    """Its place in the text does not matter."""
    assert secret not in redact(f"Incorrect key ({secret}) for you")
    assert redact(f"key {secret}") == "key ***"


@pytest.mark.parametrize(
    "text", ["", "a plain text", "risk-assessment of task-management", "sk-1", "desk_abcdefgh"]
)
def test_what_does_not_look_like_a_key_stays(text: str) -> None:
    """Ordinary words are not masked."""
    assert redact(text) == text


@pytest.mark.parametrize("name", ["MY_API_KEY", "MY_TOKEN", "my_secret", "DB_PASSWORD"])
def test_values_of_secret_variables_are_masked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They need not look like a key."""
    monkeypatch.setenv(name, "correct horse")
    assert redact("the correct horse was refused; correct horse!") == "the *** was refused; ***!"


def test_short_values_and_other_variables_are_not_masked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Masking every `test` would make errors unreadable."""
    monkeypatch.setenv("MY_TOKEN", "test")
    monkeypatch.setenv("MY_MODEL", "a-long-model-name")
    assert redact("test a-long-model-name") == "test a-long-model-name"


@pytest.mark.parametrize("short_first", [True, False])
def test_a_secret_that_begins_another_does_not_reveal_its_end(
    short_first: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order of the environment does not matter."""
    pair = [("A_KEY", "abcdefgh"), ("B_KEY", "abcdefgh-rest-of-it")]
    for name, value in pair if short_first else reversed(pair):
        monkeypatch.setenv(name, value)
    assert "rest" not in redact("got abcdefgh-rest-of-it")


def test_an_error_is_described_on_one_line_with_its_type() -> None:
    """Secrets are masked in it."""
    assert describe(ValueError("bad\n  key sk-abc123456789")) == "ValueError: bad key ***"


def test_an_error_without_a_message_is_its_type() -> None:
    """No colon follows."""
    assert describe(TimeoutError()) == "TimeoutError"


def test_a_long_error_is_cut_and_says_so() -> None:
    """The limit is 300 characters; a text of exactly 300 is complete."""
    described = describe(ValueError("x" * 5000))
    assert (len(described), described[-1]) == (300, "…")
    assert describe(ValueError("x" * 288)) == "ValueError: " + "x" * 288


def test_a_secret_is_masked_before_the_text_is_cut() -> None:
    """A key at the edge is not shown in part."""
    assert "sk-" not in describe(ValueError("x" * 280 + " sk-abcdefghijklmnop"))
