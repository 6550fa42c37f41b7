"""The graph of the server: one vote for all tenants, whose calls are made with the key of who asks."""

import os

from langchain_openai import ChatOpenAI
from langgraph.config import get_config

from langgraph_parallel import create_voting


async def key_of_tenant() -> str:
    """Return the key of the tenant whose run this is; take it from your vault here.

    Async, because it has to run in the context of the run. The server alone sets who that is.
    """
    tenant = get_config()["configurable"]["langgraph_auth_user_id"]
    return os.environ[f"OPENAI_API_KEY_{tenant.upper()}"]


release = create_voting(
    model=ChatOpenAI(model=os.environ.get("MODEL", "gpt-5-mini"), api_key=key_of_tenant),
    prompt="May this text be published?\n\n{question}",
    choices=["publish", "hold"],
    voters=3,
    name="release",
)
