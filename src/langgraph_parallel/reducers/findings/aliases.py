"""Canonical rule codes, shared by all engines.

Ruff re-implements the rules of other tools under its own codes, so bandit's B608 and ruff's S608 are the same
rule. The canonical code is ruff's.
"""

import re

_DLINT = {
    "DUO102": "S311",  # random numbers
    "DUO103": "S301",  # pickle
    "DUO104": "S307",  # eval
    "DUO105": "S102",  # exec
    "DUO106": "S605",  # os.system and similar
    "DUO107": "S405",  # XML modules
    "DUO109": "S506",  # yaml.load
    "DUO115": "S202",  # tarfile.extractall
    "DUO116": "S602",  # shell=True
    "DUO119": "S301",  # shelve, which uses pickle
    "DUO120": "S302",  # marshal
    "DUO121": "S306",  # mktemp
    "DUO122": "S323",  # unverified TLS context
    "DUO123": "S501",  # requests without verification
    "DUO130": "S324",  # weak hashes
    "DUO133": "S413",  # pycrypto
}
_PYLINT = {
    "W0611": "F401",  # unused import
    "W0612": "F841",  # unused variable
    "E0602": "F821",  # undefined name
    "W0702": "E722",  # bare except
    "W0102": "B006",  # mutable default
    "W0123": "S307",  # eval
    "W0122": "S102",  # exec
    "C0114": "D100",  # no module docstring
    "C0115": "D101",  # no class docstring
    "C0116": "D103",  # no function docstring
}
_SYNONYMS = {
    **dict.fromkeys(("S406", "S407", "S408", "S409"), "S405"),  # XML parsers: the same advice for all
    "S303": "S324",  # former code for weak hashes
    "PLE2502": "S613",  # characters that change the direction of text
}
_CODE = re.compile(r"[A-Za-z]+\d+")
_BANDIT = re.compile(r"B([1-7]\d\d)")  # B0xx and B9xx belong to flake8-bugbear
_PARTS = re.compile(r"([A-Z]+)(\d*)")
_PYLINT_CODE = re.compile(r"[CEFRW]\d{4}")


def canonical_rule(code: str) -> str:
    """Return the canonical code of a rule, or the code itself if it is unknown.

    >>> canonical_rule("B608"), canonical_rule("DUO104"), canonical_rule("W0611"), canonical_rule("B006")
    ('S608', 'S307', 'F401', 'B006')
    """
    if not _CODE.fullmatch(code.strip()):
        return code  # a word, not a code
    code = code.strip().upper()
    if match := _BANDIT.fullmatch(code):
        code = f"S{match[1]}"
    elif code in _PYLINT:
        code = _PYLINT[code]
    elif _PYLINT_CODE.fullmatch(code):
        code = f"PL{code}"
    code = _DLINT.get(code, code)
    return _SYNONYMS.get(code, code)


def has_prefix(rule: str, prefix: str) -> bool:
    """Return whether a rule is one of a prefix: of `F` are `F401` and `F821`, but not `FURB110`.

    >>> has_prefix("F401", "F4"), has_prefix("FURB110", "F"), has_prefix("PLE0101", "PL")
    (True, False, True)
    """
    if not rule.startswith(prefix):
        return False
    code, start = _PARTS.fullmatch(rule), _PARTS.fullmatch(prefix)
    return not (code and start) or code[1] == start[1] or start[1] == "PL"
