"""Lines between the files of a diff that hold no code: of mails, logs, and the programs that write diffs."""

import re
from enum import Enum


class Zone(Enum):
    """What may stand outside of files."""

    start = "before the first file"
    message = "a message, which may hold anything"
    log = "a commit of a log"
    file = "a file"
    footer = "the footer of a mail"


_MESSAGE = re.compile(
    r"From \S+ +[A-Z][a-z]{2} [A-Z][a-z]{2} |# HG changeset patch|tag \S+$|"
    r"(?:From|Subject|Date|Description|Author|Origin|Bug[\w-]*|Forwarded|Last-Update|Return-Path|Received|To|"
    r"Message-I[dD]|MIME-Version|DKIM-Signature|X-[\w-]+): "
)
"""The first line of a mail, of a changeset of Mercurial, or of a patch of Debian: a message follows."""
_LOG = re.compile(r"commit [0-9a-f]{7,64}(?:$|[ \r])|changeset: +[0-9]+:[0-9a-f]{12}|r[0-9]+ \| .* lines?$")
"""The first line of an entry of the log of git, Mercurial or Subversion."""
_FOOTER = re.compile(r"-- ?\r?$")
_ALONE = re.compile(
    r"[0-9a-f]{7,64} \S"  # git log --oneline
    r"|:[0-7]{6} [0-7]{6} [0-9a-f.]+ [0-9a-f.]+ [A-Z]"  # --raw
    r"|::+[0-7]{6} "
    r"|[0-9-]+\t[0-9-]+\t"  # --numstat
    r"| .*\| +(?:[0-9]+ ?[-+]*|Bin .*)\r?$"  # --stat
    r"| [0-9]+ files? changed"
    r"|[ ]{1,2}[0-9.]+% "  # --dirstat
    r"| (?:create|delete) mode [0-7]{6} | mode change [0-7]{6} => | (?:rename|copy|rewrite) "  # --summary
    r"|={20,}\r?$|_{20,}\r?$"  # svn, cvs
    r"|=== (?:added|modified|removed|renamed) "  # bzr
    r"|==== //"  # p4
    r"|RCS file: |retrieving revision |Prereq: "  # cvs
    r"|Common subdirectories: |Symbolic links .* differ"
    r"|---\r?$|-{10,}[0-9.]*(?:--)?\r?$"  # between message and diff; between the parts of a mail
    r"|Content-[A-Za-z-]+: |MIME-Version: "
    r"|(?:base-commit|prerequisite-patch-id|change-id): "
)
"""Lines that say nothing of code wherever they stand."""
_PATCH_LIKE = re.compile(r"[-+@<>!*|~{]|\[-|[0-9]+(?:,[0-9]+)?[acd][0-9]+(?:,[0-9]+)?\r?$")
"""Starts of lines that may be a change, of this format or of another one."""


def zone_after(line: str, zone: Zone) -> Zone | None:
    """Return the zone that a line opens; None if it opens none.

    A line that is the start of a mail only at the beginning of a diff is none after a file: there it may be
    anything.
    """
    if _LOG.match(line):
        return Zone.log
    match = _MESSAGE.match(line)
    if match and (zone in (Zone.start, Zone.footer) or not match[0].endswith(": ")):
        return Zone.message
    return Zone.footer if zone is Zone.file and _FOOTER.match(line) else None


def is_known(line: str, zone: Zone) -> bool:
    """Return whether a line outside of files is known to hold no code."""
    if zone is Zone.message or _ALONE.match(line):
        return True
    return zone in (Zone.log, Zone.footer) and not _PATCH_LIKE.match(line)


def looks_like_a_change(line: str) -> bool:
    """Return whether a line may be one of a change, in whatever format."""
    return bool(_PATCH_LIKE.match(line))


_FORMATS = (
    (re.compile(r"^[|/\\ ]*\* (?:commit )?[0-9a-f]{7}", re.MULTILINE), "a log with a graph, as of --graph"),
    (re.compile(r"\*{15}", re.MULTILINE), "a context diff, as of `diff -c`"),
    (re.compile(r"\[-[^\n]{0,99}-\]|\{\+[^\n]{0,99}\+\}"), "a diff by words"),
    (re.compile(r"^[0-9]+(?:,[0-9]+)?[acd][0-9]+(?:,[0-9]+)?\r?\n[<>] ", re.MULTILINE), "a diff without -u"),
    (re.compile(r"^ .*\| +[0-9]+ [-+]+|^ [0-9]+ files? changed", re.MULTILINE), "a summary, as of --stat"),
)


def likely_format(text: str) -> str | None:
    """Return what a text may be that is not understood; None if that cannot be said."""
    return next((name for pattern, name in _FORMATS if pattern.search(text)), None)
