"""What the text of a Python module says about its names, without parsing it.

The text is untrusted, and Python's parser can be crashed by it, so patterns look at it here. What they cannot
tell they answer with "no": a claim is then judged as if nothing was known.
"""

import re
from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

_FROM = re.compile(
    r"^[ \t]*from[ \t]+(?P<module>[.\w]+)[ \t]+import[ \t]*(?P<names>\([^()]*\)|(?:[^\n\\;#]|\\\n)+)", re.M
)
_IMPORT = re.compile(r"^[ \t]*import[ \t]+(?P<names>(?:[^\n\\;#]|\\\n)+)", re.M)
_FILLS = re.compile(
    r"(?:globals|vars)\(\)\s*(?:\[[^\]\n]*\]\s*=(?!=)|\.(?:update|setdefault)\b)"
    r"|^[ \t]*\w+[ \t]*=[ \t]*(?:globals|vars)\(\)[ \t]*$"
    r"|(?<![\w.])exec(?:file)?\s*\("
    r"|\bsetattr\(\s*(?:sys\.modules\[__name__\]|(?:__)?builtins(?:__)?)\s*,"
    r"|^[ \t]*(?:__)?builtins(?:__)?\.\w+\s*=(?!=)",
    re.M,
)
_ASKS_VERSION = re.compile(r"\bPY_?[23]\b|\bversion_info\b|\bhexversion\b|\bexcept\s*\(?.{0,40}\bNameError\b")
_TRIPLE_QUOTED = re.compile(r'[rRuU]?("""|\'\'\')[\s\S]*?\1')
_OF_A_FACADE = re.compile(
    r"__all__\s*\+?=\s*(?:\[[^\[\]]*\]|\([^()]*\))|__all__\s*\+?=\s*[\w.+ ]+|#[^\n]*"
    r"|^[ \t]*(?:try|else|finally|if[^\n]*|except[^\n]*):|^[ \t]*pass\b|^[ \t]*del[ \t][\w, ]+"
    r"|__\w+__\s*=\s*[\"'][^\"'\n]*[\"']",
    re.M,
)
_CATCHES_IMPORT_ERRORS = re.compile(r"except\s*(?::|.*\b(?:ImportError|ModuleNotFoundError|Exception)\b)")


class ImportStatement(NamedTuple):
    """An import statement: its lines, the module (empty for `import x`), and the names as written."""

    first: int
    last: int
    module: str
    names: str

    @property
    def is_star(self) -> bool:
        """Whether it imports all names."""
        return self.names.strip("() \t\n") == "*"

    @property
    def top(self) -> str:
        """The first part of the imported module; empty for a relative import."""
        return re.split(r"[.\s,(]", self.module or self.names.strip(), maxsplit=1)[0]

    def bound_names(self) -> list[str]:
        """Return the names that the module takes from another, not those that it calls them."""
        plain = re.sub(r"#[^\n]*|[()\\]", " ", self.names)
        return [name.split()[0] for name in plain.split(",") if name.strip()]


class ModuleText:
    """The text of a module.

    Args:
        text: the source.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def imports(self) -> list[ImportStatement]:
        """The import statements, by line."""
        found = [
            ImportStatement(
                self._line_at(match.start()),
                self._line_at(match.end()),
                match.groupdict().get("module") or "",
                match["names"],
            )
            for pattern in (_FROM, _IMPORT)
            for match in pattern.finditer(self.text)
        ]
        return sorted(found)

    @cached_property
    def star_imports(self) -> list[ImportStatement]:
        """The statements that import all names of a module."""
        return [statement for statement in self.imports if statement.is_star]

    @cached_property
    def fills_globals(self) -> bool:
        """Whether names are made at run time: `globals()[...] = ...`, `exec`, attributes of builtins."""
        return bool(_FILLS.search(self.text))

    @cached_property
    def asks_version(self) -> bool:
        """Whether something depends on the version of Python."""
        return bool(_ASKS_VERSION.search(self.text))

    @cached_property
    def is_facade(self) -> bool:
        """Whether there is nothing but imports: the module gives other modules' names."""
        rest = _TRIPLE_QUOTED.sub("", self.text)
        for pattern in (_FROM, _IMPORT, _OF_A_FACADE):
            rest = pattern.sub("", rest)
        return not rest.strip() and bool(self.imports)

    def import_at(self, line: int) -> ImportStatement | None:
        """Return the import statement on a line."""
        index = bisect_right(self.imports, line, key=lambda statement: statement.first) - 1
        statement = self.imports[index] if index >= 0 else None
        return statement if statement and statement.last >= line else None

    def tries_import(self, line: int) -> bool:
        """Return whether a line is in a `try` block that goes on without the imported module."""
        lines = self._lines
        inner = _indent(lines[line - 1]) if line <= len(lines) else 0
        for number in range(line - 2, -1, -1) if inner else ():
            if lines[number].strip() and _indent(lines[number]) < inner:
                inner = _indent(lines[number])
                if lines[number].split("#")[0].strip() == "try:":
                    return self._catches_import_errors(number + 1, inner)
        return False

    def defines(self, name: str) -> bool:
        """Return whether a name is bound somewhere in the text."""
        name = re.escape(name)
        bound = rf"(?:def|class)\s+{name}\b|^[ \t]*{name}[ \t]*(?::[^=\n]*)?=(?!=)|\bimport\b[^\n]*\b{name}\b"
        listed = rf"^[ \t]+{name}[ \t]*,|[\"']{name}[\"']|^[ \t]*(?:\w+[ \t]*,[ \t]*)+{name}\b[^\n]*=(?!=)"
        return bool(re.search(f"{bound}|{listed}", self.text, re.M))

    @cached_property
    def _lines(self) -> list[str]:
        return self.text.split("\n")

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def _line_at(self, position: int) -> int:
        return bisect_right(self._starts, position)

    def _catches_import_errors(self, start: int, indent: int) -> bool:
        for line in self._lines[start:]:
            if line.strip() and not line.lstrip().startswith("#") and _indent(line) <= indent:
                return bool(_CATCHES_IMPORT_ERRORS.match(line.strip()))
        return False


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())
