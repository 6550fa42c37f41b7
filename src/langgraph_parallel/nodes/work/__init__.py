"""Workers: what does a piece of work, and what it takes."""
