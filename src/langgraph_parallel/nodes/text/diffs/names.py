"""Names of files in a diff: quotes, times and prefixes, and the paths that a name may stand for."""

import re
from collections.abc import Iterator

NO_FILE = "/dev/null"
_LONGEST = 8192
"""Characters of a line with names; the system allows names of half this length."""
_LONGEST_TIME = 64
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb'\\([0-7]{1,3}|[abfnrtv"\\])')
_ESCAPES = {
    b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v",
}  # fmt: skip
_TIME = re.compile(r" +\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?: ?[-+]\d{4})?$")
"""A time after a name, where a tab was turned into spaces."""
_PREFIX_PAIRS = frozenset(
    frozenset(pair) for pair in ("ab", "ci", "cw", "iw", "ow", "co", "12")
)  # of git: with diff.mnemonicPrefix for a commit, the index, an object, the working tree; of --no-index
_LONE_PREFIX = re.compile(r"[abciow12]/")


def unquote(name: str) -> str:
    r"""Return a name without the quotes and escapes of C, which git and GNU diff write around odd names.

    >>> unquote('"caf\\303\\251.py"')
    'café.py'
    """
    if not (quoted := _QUOTED.fullmatch(name)):
        return name
    octets = _ESCAPE.sub(_unescaped, quoted[1].encode("utf-8", "surrogateescape"))
    return octets.decode(errors="replace")


def _unescaped(escape: "re.Match[bytes]") -> bytes:
    sign = escape[1]
    return bytes([int(sign, 8) & 255]) if sign.isdigit() else _ESCAPES.get(sign, sign)


def name_after(mark: str, line: str) -> str:
    """Return the name in a line such as `--- NAME` and a tab with a time."""
    rest = line[len(mark) :]
    if quoted := _QUOTED.match(rest):
        return unquote(quoted[0])
    name = rest.partition("\t")[0][:_LONGEST]
    return name[: -len(time[0])] if (time := _TIME.search(name, max(0, len(name) - _LONGEST_TIME))) else name


def git_names(rest: str) -> tuple[str, str] | None:
    """Return both names of a line `diff --git A B`; None if it cannot be said where the first one ends.

    Names may hold spaces, and even ` b/`. Without a rename both are the same but for their prefixes, and for
    a rename other lines have the names.
    """
    if len(rest) > _LONGEST:
        return None
    if quoted := _QUOTED.match(rest):
        return unquote(quoted[0]), unquote(rest[quoted.end() :].strip())
    if rest.endswith('"') and (start := rest.find(' "')) > 0:
        return rest[:start], unquote(rest[start + 1 :])
    halves = [(rest[:place], rest[place + 1 :]) for place in _spaces(rest)]
    alike = ((old, new) for old, new in halves if old == new or _same_below_prefix(old, new))
    return next(alike, halves[0] if len(halves) == 1 else None)


def names_around(text: str, between: str = " and ") -> tuple[str, str]:
    """Return the names on both sides of a word, which may be part of them: both end with the same step."""
    halves = text.split(between)[:100]
    pairs = [(between.join(halves[:cut]), between.join(halves[cut:])) for cut in range(1, len(halves))]
    names = [(unquote(old), unquote(new)) for old, new in pairs]
    alike = (pair for pair in names if pair[0].rpartition("/")[2] == pair[1].rpartition("/")[2])
    return next(alike, names[0] if names else (text, text))


def root_of(old: str, new: str) -> str | None:
    """Return the folder before the change, where two were compared: the old name without what both share."""
    likely = _below_prefixes(old, new)
    root = old.removesuffix(likely)
    return root if old != new and old.endswith(f"/{likely}") else None


def _spaces(text: str) -> Iterator[int]:
    """Iterate over the places of spaces, those near the middle first: both names are about as long."""
    middle = len(text) // 2
    places = [place for place, sign in enumerate(text) if sign == " "]
    return iter(sorted(places, key=lambda place: abs(place - middle)))


def _same_below_prefix(old: str, new: str) -> bool:
    return "/" in old and "/" in new and old.partition("/")[2] == new.partition("/")[2]


def possible_paths(old: str | None, new: str | None, *, of_git: bool) -> list[str]:
    """Return the paths that the names of a file may stand for, the most likely one first.

    Args:
        old: name before the change; None if it is not known, or there was no file.
        new: name after the change; None if there is no file.
        of_git: whether git wrote the names. Other programs write the folders that they were given, any of
            which may be the root.
    """
    name = new or old or ""
    other = old if new else None
    if other is None:
        likely = _LONE_PREFIX.sub("", name, count=1) if _LONE_PREFIX.match(name) else name
    elif other == name:
        likely = name
    else:
        likely = _below_prefixes(other, name)
    paths = [likely, name]
    if not of_git or name.startswith("/"):
        if name.startswith("/"):
            paths = [name]
        steps = name.split("/")[-32:]
        paths += ["/".join(steps[first:]) for first in range(1, len(steps))]
    return [path for path in dict.fromkeys(paths) if path.strip("/")]


def _below_prefixes(old: str, new: str) -> str:
    """Return a new name without its prefix, which the old name shows: what both end with has none."""
    old_steps, new_steps = old.split("/"), new.split("/")
    first_of_both = frozenset({old_steps[0], new_steps[0]})
    if len(old_steps) > 1 and len(new_steps) > 1 and first_of_both in _PREFIX_PAIRS:
        return "/".join(new_steps[1:])
    shared = 0
    while shared < min(len(old_steps), len(new_steps)) and old_steps[-1 - shared] == new_steps[-1 - shared]:
        shared += 1
    return "/".join(new_steps[-shared:]) if shared else new
