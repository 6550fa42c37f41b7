"""The text of a diff without what a terminal or a mail has put around it."""

import re
from email import message_from_bytes
from email.message import Message
from itertools import pairwise

_COLOUR = r"\x1b\[[0-9;:]*[mK]"
_COLOURED = re.compile(rf"^(?:{_COLOUR})+(?:[-+@]|diff |index |commit |Submodule )", re.MULTILINE)
"""A line of a diff that starts with a colour. In a diff without colours none does: lines of files have a mark
before them, whatever they hold."""
_SGR = re.compile(_COLOUR)
_MAIL = re.compile(
    r"^From \S+ +[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}(?: [-+]\d{4})?\r?$", re.MULTILINE
)
"""The line before each mail of a mailbox, as `git format-patch` writes it."""
_HEADER = re.compile(r"[!-9;-~]{1,70}:(?: |$)")
_ENCODED = re.compile(r"^content-transfer-encoding:\s*(?:quoted-printable|base64)\s*$", re.I | re.MULTILINE)
_MOST_MULTIPARTS = 10
"""Parts with parts of a mail; the parser of the standard library recurses into them."""


def plain_text(text: str) -> str:
    """Return a diff without colours, and with its mails decoded; a diff without either as it is."""
    if _COLOURED.search(text):
        text = _SGR.sub("", text)
    if _ENCODED.search(text):
        text = "".join(map(_decoded, _mails(text)))
    return text


def _mails(text: str) -> list[str]:
    starts = [match.start() for match in _MAIL.finditer(text)]
    bounds = sorted({0, *starts, len(text)})
    return [text[start:end] for start, end in pairwise(bounds)]


def _decoded(mail: str) -> str:
    """Return a mail with the body that its encoding stands for; a text that is no such mail as it is."""
    head, body = _head_and_body(mail)
    if not (_ENCODED.search(head) or ("multipart/" in head.lower() and _ENCODED.search(body))):
        return mail
    if mail.lower().count("multipart/") > _MOST_MULTIPARTS:
        return mail
    message = message_from_bytes(mail.encode("utf-8", "surrogateescape"))
    parts = [part for part in message.walk() if part.get_content_maintype() == "text"]
    return "\n".join([head.rstrip("\n"), "", *map(_payload, parts)])


def _head_and_body(mail: str) -> tuple[str, str]:
    """Return the header of a mail, and the rest; the header is empty if the text does not start with one."""
    lines = mail.split("\n")
    end = 1 if lines[0].startswith("From ") else 0
    while end < len(lines) and (_HEADER.match(lines[end]) or (end and lines[end].startswith((" ", "\t")))):
        end += 1
    return "\n".join(lines[:end]), "\n".join(lines[end:])


def _payload(part: Message) -> str:
    payload = part.get_payload(decode=True)
    octets = payload if isinstance(payload, bytes) else b""
    try:
        return octets.decode(part.get_content_charset("utf-8"))
    except (LookupError, UnicodeDecodeError):
        return octets.decode("utf-8", "surrogateescape")
