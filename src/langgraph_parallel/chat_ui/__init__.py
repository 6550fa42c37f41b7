"""What a chat UI shows of a run that goes on, served by LangGraph's Agent Server beside the graphs.

In `langgraph.json`:

    "http": { "app": "langgraph_parallel.chat_ui:app" }

Chat UIs that show UI messages (`LoadExternalComponent` of LangGraph's SDK) load the component from there. In
an app of yours, add `routes` to its routes. Needs `pip install langgraph-parallel[chat]` outside of the
Agent Server, which has what it needs.
"""

from functools import cache
from importlib.resources import files

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from langgraph_parallel.runtime.chat_progress import COMPONENT

__all__ = ["app", "routes"]


async def load_component(request: Request) -> Response:
    """Answer what a UI asks for with `{"name": ...}`: the component, as HTML that it puts into its page."""
    try:
        name = (await request.json())["name"]
    except (ValueError, KeyError, TypeError):
        return JSONResponse({"detail": 'the body is no {"name": ...}'}, 422)
    if name != COMPONENT:
        return JSONResponse({"detail": f"there is no such component; expected {COMPONENT}"}, 404)
    return HTMLResponse(_component())


@cache
def _component() -> str:
    folder = files(__name__)
    style, script = ((folder / f"progress.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return f"<style>{style}</style>\n<script>{script}</script>\n"


routes = [Route("/ui/{graph_id}", load_component, methods=["POST"])]
app = Starlette(routes=routes)
