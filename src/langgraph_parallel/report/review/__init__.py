"""The review as text, Markdown, JSON and SARIF."""
