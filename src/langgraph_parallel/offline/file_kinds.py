"""Which files are tests, by their paths."""

import re

_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test|conftest)\.py$|(^|/)tests?/")


def is_test_file(path: str) -> bool:
    """Return whether a path is that of a test.

    >>> is_test_file("tests/data.py"), is_test_file("app/test_cart.py"), is_test_file("app/cart.py")
    (True, True, False)
    """
    return bool(_TEST_FILE.search(path))
