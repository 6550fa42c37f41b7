"""Pictures and PDF files beside a text: `[text, media.image("chart.png")]` as a question, or in a section."""

from langgraph_parallel.nodes.work.media import image, pdf, pdf_pages

__all__ = ["image", "pdf", "pdf_pages"]
