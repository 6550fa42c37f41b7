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


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: ***"),
        ("got Basic dXNlcjpwYXNzd29yZA== for it", "got *** for it"),
        ("x-api-key: 1234567890abcdef", "x-api-key: ***"),
        ("{'x-goog-api-key': 'deadbeef', 'n': 1}", "{'x-goog-api-key': '***', 'n': 1}"),
        ('{"password": "two words"}', '{"password": "***"}'),
        ("password=hunter2 next", "password=*** next"),
        ("client_secret=xyz9876&n=1", "client_secret=***&n=1"),
        ("GET https://host/v1?api_key=abcdef&n=1", "GET https://host/v1?api_key=***&n=1"),
        ("https://user:hunter22@host:80/v1", "https://***@host:80/v1"),
        ("redis://:hunter22@host", "redis://***@host"),
        ("postgres://u@host/db", "postgres://***@host/db"),
        ("got eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-DEF_1 here", "got *** here"),
        ("Ocp-Apim-Subscription-Key: 0123abcd", "Ocp-Apim-Subscription-Key: ***"),
    ],
)
def test_credentials_in_headers_addresses_and_assignments_are_masked(text: str, masked: str) -> None:
    """Whatever they look like themselves."""
    assert redact(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "Basic authentication is required",
        "the password is required",
        "check OPENAI_API_KEY (model m)",
        "max_tokens: 100",
        "tokens per min (TPM): Limit 3",
        "http://127.0.0.1:8000/v1",
        "mail ann@example.org",
    ],
)
def test_words_about_secrets_are_none(text: str) -> None:
    """An error must stay readable."""
    assert redact(text) == text


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


@pytest.mark.parametrize("root", [None, OSError("the network is down")], ids=["alone", "with a cause"])
def test_an_error_that_cannot_say_what_it_is_has_its_type(root: Exception | None) -> None:
    """Its own code fails when it is asked, which must not end whoever reports it."""

    class Odd(Exception):
        def __str__(self) -> str:
            raise LookupError("no such field")

    odd = Odd()
    odd.__cause__ = root
    assert describe(odd) == ("Odd" if root is None else "Odd: (the network is down)")
