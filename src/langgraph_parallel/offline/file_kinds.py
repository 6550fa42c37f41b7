"""Which files are Python, and which are tests."""

import re
from pathlib import PurePosixPath

_SUFFIXES = (".py", ".pyi", ".pyw")
_PYTHON_PROGRAM = re.compile(r"#!.*\bpython[\d.]*w?(?:\s|$)")
_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$|(^|/)tests?/")


def is_python(path: str, text: str) -> bool:
    r"""Return whether engines can read a file: by its suffix, or by the first line of one without a suffix.

    >>> is_python("a.pyw", ""), is_python("bin/run", "#!/usr/bin/env python3\n"), is_python("run.js", "")
    (True, True, False)
    """
    if path.lower().endswith(_SUFFIXES):
        return True
    return not PurePosixPath(path).suffix and bool(_PYTHON_PROGRAM.match(text))


def is_test_file(path: str) -> bool:
    """Return whether a path is that of a test.

    >>> is_test_file("tests/data.py"), is_test_file("app/test_cart.py"), is_test_file("app/cart.py")
    (True, True, False)
    """
    return bool(_TEST_FILE.search(path))
