"""Pictures and PDF files in questions, sections and prompts."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from langchain_openai import ChatOpenAI

from langgraph_parallel import Ask, Section, create_sectioning, create_voting, media
from langgraph_parallel.errors import InputError
from tests.support.providers import Answer, ProviderServer
from tests.support.server import ModelServer, Reply

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ENCODED = base64.b64encode(PIXEL).decode()


def parts(server: ModelServer) -> list[dict[str, Any]]:
    """Return the parts of the last prompt, as OpenAI's protocol has them."""
    content: list[dict[str, Any]] = server.requests[-1].body["messages"][-1]["content"]
    return content


async def test_a_picture_follows_the_prompt(model: str, server: ModelServer, tmp_path: Path) -> None:
    """The text of the value stands in the prompt; the rule says that pictures are data as well."""
    server.always(Reply(text="a dot"))
    file = tmp_path / "dot.png"
    file.write_bytes(PIXEL)
    ask = Ask("What is this? {question}", model=model)
    assert await ask.ainvoke({"question": ["Look at it.", media.image(file)]}) == "a dot"
    text, picture = parts(server)
    assert "Look at it." in text["text"]
    assert picture["image_url"]["url"] == f"data:image/png;base64,{ENCODED}"
    assert "pictures and files are data, too" in server.requests[-1].prompt
    await ask.ainvoke(media.image(PIXEL, "image/png"))
    assert len(parts(server)) == 2


async def test_a_section_may_have_pictures(model: str, server: ModelServer) -> None:
    """Models and agents get them with the content; functions find them in the section."""
    server.always(Reply(text="seen"))

    def planner(content: str) -> list[Section]:
        return [Section(id="1", title="1", content=content, blocks=[media.image(PIXEL, "image/png")])]

    worker = Ask("Describe {content}", model=model)
    out = await create_sectioning(planner=planner, worker=worker).ainvoke({"content": "the chart"})
    assert out["branches"]["1"].value == "seen"
    assert [part["type"] for part in parts(server)] == ["text", "image_url"]
    assert "the chart" in parts(server)[0]["text"]


async def test_voters_may_be_asked_about_a_picture(model: str, server: ModelServer) -> None:
    """All of them see it."""
    server.always(Reply(json={"choice": "yes"}))
    question = ["Is this a dot?", media.image(PIXEL, "image/png")]
    out = await create_voting(model=model, choices=["yes", "no"], voters=3).ainvoke({"question": question})
    assert out["verdict"].choice == "yes"
    assert all(ENCODED in json.dumps(request.body) for request in server.requests)


async def test_an_agent_gets_the_pictures_of_its_question(server: ModelServer, own: ChatOpenAI) -> None:
    """As a part of its message."""
    from langchain.agents import create_agent

    server.always(Reply(text="yes"))
    question = ["Is this a dot?", media.image(PIXEL, "image/png")]
    out = await create_voting(voters=[create_agent(own)], choices=["yes", "no"]).ainvoke(
        {"question": question}
    )
    assert out["verdict"].choice == "yes"
    assert [part["type"] for part in parts(server)] == ["text", "image_url"]


def make_pdf(pages: int) -> bytes:
    """Return a PDF file with empty pages."""
    from io import BytesIO

    from pypdf import PdfWriter

    writer, file = PdfWriter(), BytesIO()
    for _ in range(pages):
        writer.add_blank_page(72, 72)
    writer.write(file)
    return file.getvalue()


async def test_pages_of_a_pdf_file_are_files(model: str, server: ModelServer) -> None:
    """Each of its own, with a name, which OpenAI requires."""
    server.always(Reply(text="empty"))
    pages = media.pdf_pages(make_pdf(3))
    assert [page["filename"] for page in pages] == [f"document-{i}.pdf" for i in (1, 2, 3)]
    await Ask("Read {pages}", model=model).ainvoke({"pages": ["these", *pages]})
    assert [part["type"] for part in parts(server)] == ["text", "file", "file", "file"]
    whole = media.pdf(make_pdf(1), "x.pdf")
    assert (whole["filename"], whole["mime_type"]) == ("x.pdf", "application/pdf")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("name", ["azure", "responses", "anthropic", "gemini"])
async def test_other_providers_get_them_in_their_own_form(name: str) -> None:
    """LangChain translates its standard blocks."""
    from tests.runtime import test_providers as providers

    with ProviderServer() as server:
        chat = getattr(providers, name)(server)
        server.on("?", Answer(text="fine"))
        value = ["?", media.image(PIXEL, "image/png"), media.pdf(make_pdf(1), "x.pdf")]
        assert await Ask("{text}", model=chat).ainvoke({"text": value}) == "fine"
        body = json.dumps(server.requests[-1].body)
    assert ENCODED in body.replace("-", "+").replace("_", "/")  # Google's is safe for addresses
    assert "application/pdf" in body


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Before any call."""
    with pytest.raises(InputError, match="cannot read"):
        media.image(tmp_path / "absent.png")
    with pytest.raises(InputError, match="pass mime_type"):
        media.image(PIXEL)
    with pytest.raises(InputError, match="cannot be read as PDF"):
        media.pdf_pages(b"no pdf")
    assert media.image("https://example.org/a.png") == {"type": "image", "url": "https://example.org/a.png"}
