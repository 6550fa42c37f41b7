"""Which files are source code, by their names."""

from pathlib import PurePosixPath

SOURCE_SUFFIXES = frozenset(
    """
    .py .pyi .pyw .js .jsx .mjs .cjs .ts .tsx .vue .svelte .go .rs .java .kt .kts .scala .groovy .c .h .cc
    .cpp .cxx .hpp .hh .m .mm .cs .fs .vb .swift .rb .php .pl .pm .lua .r .jl .ex .exs .erl .hs .ml .clj .dart
    .zig .nim .sh .bash .zsh .ps1 .sql .proto .graphql .tf .html .css .scss .md .rst
    """.split()  # noqa: SIM905 - a list that people read and extend
)
_SOURCE_NAMES = frozenset(
    ("Dockerfile", "Makefile", "Rakefile", "Gemfile", "Jenkinsfile", "CMakeLists.txt"),
)
_NOTHING_RUNS = frozenset({".css", ".scss", ".md", ".rst"})
"""Suffixes of files that are worth a review, but that no program runs."""


def is_source(path: str) -> bool:
    """Return whether a file is reviewed when it is found in a folder: by its suffix, or its whole name."""
    name = PurePosixPath(path)
    return name.suffix.lower() in SOURCE_SUFFIXES or name.name in _SOURCE_NAMES


def is_code(path: str) -> bool:
    """Return whether a file is code that something runs: source, without prose and style sheets.

    >>> is_code("src/app.js"), is_code("README.md"), is_code("logo.png")
    (True, False, False)
    """
    return is_source(path) and PurePosixPath(path).suffix.lower() not in _NOTHING_RUNS
