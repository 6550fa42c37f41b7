"""What the text of a Python module says about its names, without parsing it.

The text is untrusted, and Python's parser can be crashed by it, so patterns look at it here. What they cannot
tell they answer with "no": a claim is then judged as if nothing was known.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
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
    r"|^[ \t]*(?:__)?builtins(?:__)?\.\w+\s*=(?!=)"
    r"|\.__code__\s*=(?!=)",
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


_DEFINITION = re.compile(r"\s*(?:async\s+def|def|class)\b")
_LOOP = re.compile(r"\s*(?:async\s+for|for|while)\b")
_MOST_LOOPS = 5
"""Loops around a line that are searched."""
_ASSIGNS = re.compile(r"(?<![=!<>:])=(?!=)")


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
        """Whether names are made at run time: `globals()[...] = ...`, `exec`, attributes of builtins.

        Code that is given to a function of another module (`f.__code__ = ...`) runs with the names of that.
        """
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

    def binds_in_loop(self, line: int, name: str) -> bool:
        """Return whether a loop around a line binds a name further down, and so has it in its next round."""
        lines = self._lines
        inner, loops = (_indent(lines[line - 1]) if line <= len(lines) else 0), 0
        for number in range(line - 2, -1, -1) if inner else ():
            header = lines[number]
            if not header.strip() or header.lstrip().startswith("#") or _indent(header) >= inner:
                continue
            inner = _indent(header)
            if _DEFINITION.match(header):
                return False
            if not _LOOP.match(header):
                continue
            if loops == _MOST_LOOPS:
                return False
            loops += 1
            if any(_binds(one, name) for one in self._block(line, inner)):
                return True
        return False

    def _block(self, start: int, indent: int) -> Iterator[str]:
        """Iterate over the lines of a block from a line on, without the functions in it."""
        function: int | None = None
        for line in self._lines[start:]:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            if _indent(line) <= indent:
                return
            if function is not None and _indent(line) > function:
                continue
            function = _indent(line) if _DEFINITION.match(line) else None
            if function is None:
                yield line

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


def _binds(line: str, name: str) -> bool:
    """Return whether a statement of one line binds a name; a line with arguments of a call is none."""
    code = line.partition("#")[0].strip().removeprefix("async ")
    if name not in code or code.endswith(",") or code.count(")") > code.count("("):
        return False
    if re.search(rf"\b{name}\s*:=|\bas\s+{name}\b", code):
        return True
    if code.startswith("for "):
        return name in _names(code[4:].partition(" in ")[0])
    if code.startswith(("import ", "from ")):
        return name in _names(code.partition("import ")[2])
    return any(name in _names(target.partition(":")[0]) for target in _ASSIGNS.split(code)[:-1])


def _names(target: str) -> list[str]:
    """Return the names that are assigned to, which attributes, items and arguments of calls are not."""
    return [part.strip("()* \t") for part in target.split(",")]
