"""Who may use the server, and what of it is theirs: everything that a tenant makes, and nothing else."""

import hashlib
import os
from typing import Any

from langgraph_sdk import Auth

auth = Auth()


@auth.authenticate
async def authenticate(authorization: str | None) -> str:
    """Return the tenant whose key this is; `TENANTS` has the digests: `acme=SHA256,globex=SHA256`."""
    digest = hashlib.sha256((authorization or "").removeprefix("Bearer ").encode()).hexdigest()
    for tenant in os.environ["TENANTS"].split(","):
        name, _, known = tenant.partition("=")
        if known == digest:
            return name
    raise Auth.exceptions.HTTPException(401, "pass a key: Authorization: Bearer KEY")


@auth.on
async def only_own(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> Any:
    """Note the owner of what is made, and find nothing else: threads, runs, assistants, crons."""
    owner = {"owner": ctx.user.identity}
    if ctx.action in ("create", "create_run", "update"):
        value.setdefault("metadata", {}).update(owner)
    return owner


@auth.on.store
async def own_part_of_the_store(ctx: Auth.types.AuthContext, value: dict[str, Any]) -> None:
    """Keep what a tenant stores, and looks for, below their name."""
    value["namespace"] = (ctx.user.identity, *(value.get("namespace") or ()))
