"""The server that `--base-url` names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from typer import BadParameter

_VARIABLE = "OPENAI_BASE_URL"


@contextmanager
def ask_at(url: str | None) -> Iterator[None]:
    """Ask the models of the provider openai at a server, while the block runs.

    The client of OpenAI reads the address from the environment, as does whatever a graph of the user's
    builds, so it is put there.

    Args:
        url: as `check_url` returns it; None to change nothing.
    """
    if url is None:
        yield
        return
    before = os.environ.get(_VARIABLE)
    os.environ[_VARIABLE] = url
    try:
        yield
    finally:
        if before is None:
            del os.environ[_VARIABLE]
        else:
            os.environ[_VARIABLE] = before


def check_url(url: str | None) -> str | None:
    """Check the value of `--base-url`.

    Raises:
        BadParameter: it is not the address of a server, or holds a password, which would be stored with the
            run.
    """
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address:
        raise BadParameter(f"{url!r} is not an address; expected http://host/v1 or https://host/v1")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise BadParameter("expected http://host/v1, without a user, ? or #; a key goes into OPENAI_API_KEY")
    return url
