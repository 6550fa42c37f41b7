"""Accounts: by which key an endpoint is asked."""

from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True)
class Account:
    """Whose calls these are: an endpoint that refuses one key may take another one."""

    key: str = ""
    """Name of the environment variable that usually holds the key; empty if unknown."""
    fingerprint: int = 0
    """Differs between keys; 0 if unknown."""

    @classmethod
    def of(cls, model: BaseChatModel) -> "Account":
        """Return the account that a model asks with."""
        for field, variable in model.lc_secrets.items():
            secret: Any = getattr(model, field, None)
            if secret is not None:
                value = secret.get_secret_value() if hasattr(secret, "get_secret_value") else secret
                return cls(variable, hash(value) if isinstance(value, str) else id(value))
        return cls(next(iter(model.lc_secrets.values()), ""))
