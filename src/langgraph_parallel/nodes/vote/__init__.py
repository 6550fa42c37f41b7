"""Vote: who is asked, when the vote stops, and who decides."""
