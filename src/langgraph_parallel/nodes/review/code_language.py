"""In which language a piece of code is, and what its file is called: by simple signs."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from langgraph_parallel.reducers.findings.source_code import is_source

_SUFFIXES: Mapping[str, str] = {
    alias: suffix
    for suffix, aliases in {
        ".bash": "bash",
        ".c": "c",
        ".cpp": "cpp c++ cc cxx",
        ".cs": "cs csharp c#",
        ".dart": "dart",
        ".ex": "elixir",
        ".go": "go golang",
        ".hs": "haskell",
        ".html": "html",
        ".java": "java",
        ".js": "js javascript node mjs",
        ".json": "json jsonc",
        ".kt": "kt kotlin",
        ".lua": "lua",
        ".md": "md markdown",
        ".php": "php",
        ".pl": "perl pl",
        ".ps1": "powershell ps1",
        ".py": "py python python3 pycon",
        ".r": "r",
        ".rb": "rb ruby",
        ".rs": "rs rust",
        ".scala": "scala",
        ".sh": "sh shell zsh console shell-session",
        ".sql": "sql postgresql mysql sqlite",
        ".swift": "swift",
        ".tf": "tf hcl terraform",
        ".toml": "toml",
        ".ts": "ts typescript",
        ".txt": "txt text plain plaintext",
        ".xml": "xml",
        ".yaml": "yaml yml",
    }.items()
    for alias in aliases.split()
}
"""The suffix for each name of a language that people write after a fence."""
_SIGNS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (suffix, re.compile(sign, re.M))
    for suffix, sign in {
        ".php": r"\A\s*<\?php\b",
        ".html": r"\A\s*<(?:!doctype html|html)\b",
        ".xml": r"\A\s*<\?xml\b",
        ".go": r"^package \w+$",
        ".rs": r"^\s*(?:pub(?:\(crate\))? )?(?:fn \w+.*\{|impl\b.*\{|use [\w:]+(?:::[\w{}, *]+)?;)",
        ".c": r"^\s*#\s*include\s*[<\"]",
        ".cs": r"^using [\w.]+;$|^namespace [\w.]+",
        ".java": r"^\s*(?:public |private |protected |abstract |final )*(?:class|interface|enum) \w+.*\{",
        ".py": r"^\s*(?:(?:async )?def \w+\(.*|class \w+.*:|from [.\w]+ import .+"
        r"|import [\w.]+(?: as \w+)?)$",
        ".ts": r"^\s*(?:export )?(?:interface|type) \w+.*[={]|^(?:const|let) \w+: \w+",
        ".js": r"^\s*(?:export |async )*(?:function\b.*\{|(?:const|let|var) [\w{\[].*=|class \w+.*\{)"
        r"|^import .* from ['\"]",
        ".rb": r"^\s*(?:def [\w.?!]+.*|require ['\"].*|module [A-Z]\w*)$",
        ".sql": r"(?i)^\s*(?:select\b.*|insert into\b.*|update \w+ set\b.*|create (?:table|index|view)\b.*"
        r"|alter table\b.*|delete from\b.*)",
    }.items()
)
"""What a text has that is code in a language, the surest signs first."""
_CODE_LINE = re.compile(
    r"[;{}]\s*$|^\s*[}\])<@]|^(?:\s{2,}|\t)\S|^\s*(?://|#|--|/\*|\*)|\w\(|^\s*[\"']{3}"
    r"|^[\w.\[\]\"', ]+ ?[+:]?= ?\S"
    r"|^(?:import|from|using|use|package|require|module|end|try|else|finally|return|pass)\b"
    r"|^(?:async|def|class|if|elif|for|while|with|except|match|case)\b.*:\s*$"
    r"|(?i:^(?:select|insert|update|delete|create|alter|from|where|and|or|join|left|group|order|values|set)\b)"
)
"""A line that looks like code."""
_WORDS = re.compile(r"\w+[.?!:,]+|[^;{}()\[\]=<>]*\w[ ,]+\w[^;{}()\[\]=<>]*")
"""A line that may be a sentence."""
_SHEBANGS = {
    "python": ".py",
    "bash": ".sh",
    "sh": ".sh",
    "zsh": ".sh",
    "node": ".js",
    "ruby": ".rb",
    "perl": ".pl",
}
_SHEBANG = re.compile(r"#!.*?\b(python|bash|zsh|node|ruby|perl|sh)")
_PYTHON_LINE = re.compile(
    r"[\w.]+(?:\[[^\]]*\])*(?:, ?[\w.]+)* ?[+-]?= ?\S.*|[\w.]+\(.*\)|#.*|(?:for|if|while|with) .*:|\s+\S.*"
)
"""A line as programs in Python have them without a definition or an import."""
_PATH = re.compile(r"(?:\.{1,2}/|/|[A-Za-z]:/)?(?:[\w@+.-]+/)*[\w@+-][\w@+.-]*")
_SUFFIX = re.compile(r"\.[A-Za-z]\w{0,9}")
_LABEL = re.compile(r"(?i)^(?:file(?:name)?|path|in)\b\s*:?\s*")


def language_suffix(language: str) -> str:
    """Return the suffix of files in a language; of an unknown one its name, if that may be a suffix.

    >>> language_suffix("Python"), language_suffix("zig"), language_suffix(""), language_suffix("a b")
    ('.py', '.zig', '', '')
    """
    known = _SUFFIXES.get(language.lower())
    return known or (f".{language.lower()}" if re.fullmatch(r"[A-Za-z]\w{0,9}", language) else "")


def code_suffix(text: str) -> str:
    r"""Return the suffix for a text that is nothing but code; empty if it is not, or nothing says in what.

    A line has to be one that only code has, and half of the lines have to look like code. The text may be
    anybody's, and Python's parser can be crashed by it, so only JSON is parsed.

    >>> code_suffix("x = 1\n"), code_suffix("package main\n\nfunc main() {}\n"), code_suffix("Is it good?")
    ('.py', '.go', '')
    """
    if shebang := _SHEBANG.match(text.lstrip()):
        return _SHEBANGS[shebang[1]]
    if _is_json(text):
        return ".json"
    lines = [line for line in text.split("\n") if line.strip()]
    alike = sum(_CODE_LINE.search(line) is not None for line in lines)
    if not lines or 2 * alike < len(lines):
        return ""
    if suffix := next((suffix for suffix, sign in _SIGNS if sign.search(text)), ""):
        return suffix
    acts = any(not line.startswith(("#", " ", "\t")) for line in lines)
    return ".py" if acts and all(map(_PYTHON_LINE.fullmatch, lines)) else ""


def code_lines(lines: Sequence[str]) -> tuple[int, int]:
    """Return the first line that is no sentence, and the line after the last one."""
    said = [is_sentence(line) for line in lines]
    first = next((n for n, is_said in enumerate(said) if not is_said and lines[n].strip()), len(lines))
    last = next((n for n in range(len(lines), first, -1) if not said[n - 1] and lines[n - 1].strip()), first)
    return first, last


def is_sentence(line: str) -> bool:
    """Return whether a line is rather what somebody says than code.

    >>> is_sentence("Please review this:"), is_sentence("return x"), is_sentence("for a in b:")
    (True, False, False)
    """
    return _CODE_LINE.search(line) is None and _WORDS.fullmatch(line.strip()) is not None


def looks_like_path(word: str) -> str:
    """Return a word as a path if it can only be one, else an empty text.

    >>> looks_like_path("./src/app.py"), looks_like_path("Dockerfile"), looks_like_path("and/or")
    ('src/app.py', 'Dockerfile', '')
    """
    path = word.strip().replace("\\", "/")
    if not _PATH.fullmatch(path):
        return ""
    path = path.removeprefix("./")
    suffix = PurePosixPath(path).suffix
    return path if _SUFFIX.fullmatch(suffix) or is_source(path) else ""


def find_path(line: str) -> str:
    """Return the path that a line before a block of code is there for; empty if it names none.

    >>> find_path("### `src/app.py`"), find_path("File: app.py"), find_path("In `a.py`:"), find_path("So:")
    ('src/app.py', 'app.py', 'a.py', '')
    """
    bare = line.strip().strip("#>*_-+:` \t").strip()
    if path := looks_like_path(_LABEL.sub("", bare).strip("*_:` \t")):
        return path
    quoted = [path for word in re.findall(r"`([^`]+)`", line) if (path := looks_like_path(word))]
    return quoted[0] if len(quoted) == 1 else ""


def _is_json(text: str) -> bool:
    if text.lstrip()[:1] not in ("{", "["):
        return False
    try:
        return bool(json.loads(text))
    except (ValueError, RecursionError):
        return False
