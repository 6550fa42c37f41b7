"""Addresses of databases whose password ends too early: the rest of it would be in names and errors."""

from langgraph_parallel.errors import UsageError


def check_address(address: str) -> None:
    """Check that user and password of an address end where they are meant to.

    Args:
        address: `scheme://user:password@host/path?query`.

    Raises:
        UsageError: a character of them ends them. The error has nothing of the address.
    """
    rest = address.partition("://")[2]
    end = min((place for mark in "/?#" if (place := rest.find(mark)) >= 0), default=len(rest))
    host, after = rest[:end], rest[end:]
    path, _, query = after.partition("?")
    # In the path of a file, which follows no host, anything may be.
    cut_off = host and "@" not in host and ("@" in path or any(map(_is_no_value, query.split("&"))))
    if host.count("@") > 1 or cut_off:
        raise UsageError(
            "the address of the database has a character in its user or password that ends them: write @ as "
            "%40, / as %2F, ? as %3F and # as %23"
        )


def _is_no_value(part: str) -> bool:
    return "@" in part.partition("=")[0]


def masked(text: str, password: object) -> str:
    """Return what a database says, without the password."""
    return text.replace(str(password), "***") if password else text
