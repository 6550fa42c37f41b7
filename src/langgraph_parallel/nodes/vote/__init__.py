"""A vote: who is asked, when it stops, and who decides."""
