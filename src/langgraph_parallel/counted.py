"""Numbers with their nouns."""


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the singular or plural.

    >>> count(1, "file"), count(2, "branch"), count(3, "retry")
    ('1 file', '2 branches', '3 retries')
    """
    if number == 1:
        return f"1 {noun}"
    if noun.endswith(("ch", "s")):
        return f"{number:,} {noun}es"
    return f"{number:,} {noun[:-1]}ies" if noun.endswith("ry") else f"{number:,} {noun}s"
