"""The server's tokenizer, and the sequence of tokens of a request."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

_TOKEN = re.compile(r"[ _]?[^\W\d_]{1,8}|\d{1,3}|\n+|[^\S\n]+|[^\w\s]{1,3}|_")
BLOCK = 128
SHORTEST = 1024
"""Tokens of a prompt from which on it is cached."""
_BEFORE = ("tools", "response_format")
"""What stands before the messages."""


def tokenize(text: str) -> list[str]:
    """Cut a text into tokens, of which nothing is lost.

    >>> tokenize("Reading 2027 lines,  slowly")
    ['Reading', ' ', '202', '7', ' lines', ',', '  ', 'slowly']
    """
    return _TOKEN.findall(text)


def sequence(body: dict[str, Any]) -> list[str]:
    """Return the tokens of a request in the order in which the model reads them."""
    tokens: list[str] = []
    for name in _BEFORE:
        if body.get(name):
            tokens += [f"<|{name}|>", *tokenize(json.dumps(body[name]))]
    for message in body["messages"]:
        tokens += [f"<|{message['role']}|>", *tokenize(text_of(message))]
    return [*tokens, "<|assistant|>"]


def text_of(message: dict[str, Any]) -> str:
    """Return the text of a message, whose content may be in parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


def blocks(tokens: Sequence[str], salt: str) -> list[str]:
    """Return a digest for each whole block, of all tokens up to its end; none for a short prompt.

    Args:
        tokens: of the prompt.
        salt: what else has to be the same, such as the model.
    """
    if len(tokens) < SHORTEST:
        return []
    digest, found = hashlib.sha256(salt.encode()), []
    for begin in range(0, len(tokens) - BLOCK + 1, BLOCK):
        digest.update("\0".join(tokens[begin : begin + BLOCK]).encode(errors="surrogatepass"))
        found.append(digest.hexdigest()[:16])
    return found


def beginning(tokens: Sequence[str]) -> str:
    """Return a digest of the first tokens of a prompt, by which it is sent to a machine."""
    return hashlib.sha256("\0".join(tokens[:256]).encode(errors="surrogatepass")).hexdigest()[:8]
