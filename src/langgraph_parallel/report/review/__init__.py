"""A review as text, Markdown, JSON and SARIF; `wording` holds the sentences that the formats share."""
