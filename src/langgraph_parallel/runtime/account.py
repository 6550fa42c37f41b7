"""Accounts: by which key an endpoint is asked."""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from langchain_core.language_models import BaseChatModel

from langgraph_parallel.runtime.redact import note_secrets

_DOMAIN = b"langgraph-parallel: an account"


@dataclass(frozen=True)
class Account:
    """Whose calls these are: an endpoint that refuses one key may take another one."""

    key: str = ""
    """Name of the environment variable that usually holds the key; empty if unknown."""
    fingerprint: int = 0
    """Differs between keys, within this process; 0 if unknown."""
    keys_vary: bool = False
    """Whether its calls may be made with several keys: a refusal of one then says nothing of the others."""

    @classmethod
    def of(cls, model: BaseChatModel) -> "Account":
        """Return the account that a model asks with."""
        secrets, variables = secrets_of(model), model.lc_secrets
        note_secrets(secrets.values())
        named = next((variables[field] for field, value in secrets.items() if value is not None), None)
        if named is None:
            return cls(next(iter(variables.values()), ""))
        values = tuple(
            value if value is None or isinstance(value, str) else id(value) for value in secrets.values()
        )
        return cls(named, hash(values), any(callable(value) for value in secrets.values()))


def secrets_of(model: BaseChatModel) -> dict[str, Any]:
    """Return the secrets that a model asks with, by field; of those that are functions, the function."""
    secrets: dict[str, Any] = {}
    for field in model.lc_secrets:
        secret: Any = getattr(model, field, None)
        secrets[field] = secret.get_secret_value() if hasattr(secret, "get_secret_value") else secret
    return secrets


def account_digest(secrets: Mapping[str, Any]) -> str | None:
    """Return a digest that differs between accounts, in all processes, and tells nothing of their keys.

    Args:
        secrets: what an account is known by, by name.

    Returns:
        None if one is no text: a function that gives keys, which may differ from call to call.
    """
    values = [secrets[name] for name in sorted(secrets)]
    if not all(value is None or isinstance(value, str) for value in values):
        return None
    return hmac.new(_DOMAIN, json.dumps(values).encode(), sha256).hexdigest()
