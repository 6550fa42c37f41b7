"""Union of the claims of reviewers into findings, and the review that reports them."""
