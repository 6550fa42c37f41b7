"""What the environment says of the service, and who may use it."""

import hashlib
import os
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Tenant:
    """Someone who uses the service, with what is theirs of it."""

    name: str
    key_sha256: str
    """Digest of their key: the key itself is nowhere in the service."""
    budget_usd: float
    """Of a day, by UTC."""
    run_usd: float
    """The most that one run may cost."""
    priority: float = 1.0
    """Turns at a busy model, relative to other tenants."""
    at_once: int = 8
    """Runs at the same time in one process; later ones wait."""
    waiting: int = 1000
    """Runs that may wait; more are refused."""


@dataclass(frozen=True)
class Settings:
    """Settings of a process of the service."""

    database: str = "sqlite:///service.sqlite"
    """Where runs are kept, and their checkpoints: an address of SQLite or PostgreSQL (`postgresql+psycopg://`)."""
    redis: str | None = None
    """Address of a Redis, which several processes need for limits and events; None for one process."""
    lease: float = 10.0
    """Seconds after which another process takes over the runs of one that has died."""
    grace: float = 20.0
    """Seconds that calls in flight have to finish when the service is stopped."""
    tenants: tuple[Tenant, ...] = field(default=(), repr=False)
    metrics_key_sha256: str = field(default="", repr=False)
    """Digest of the key for `/metrics`, which names all tenants; without one, nobody reads it."""

    @classmethod
    def from_environment(cls) -> "Settings":
        """Read `SERVICE_*`, and the Redis that the package itself uses."""
        given = {
            name: value
            for name in ("database", "lease", "grace")
            if (value := os.environ.get(f"SERVICE_{name.upper()}"))
        }
        file = Path(os.environ.get("SERVICE_TENANTS", HERE / "tenants.toml"))
        said = tomllib.loads(file.read_text())
        return cls(
            database=given.get("database", cls.database),
            redis=os.environ.get("LANGGRAPH_PARALLEL_REDIS_URL") or None,
            lease=float(given.get("lease", cls.lease)),
            grace=float(given.get("grace", cls.grace)),
            tenants=tuple(Tenant(name=name, **of) for name, of in said["tenants"].items()),
            metrics_key_sha256=said.get("metrics_key_sha256", ""),
        )

    def tenant_with(self, key: str) -> Tenant | None:
        """Return the tenant whose key this is; digests are compared, so that times tell nothing of keys."""
        return next((tenant for tenant in self.tenants if tenant.key_sha256 == digest(key)), None)


def digest(key: str) -> str:
    """Return the digest of a key, as it is in the file of tenants."""
    return hashlib.sha256(key.encode()).hexdigest()
