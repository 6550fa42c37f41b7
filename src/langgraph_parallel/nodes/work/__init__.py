"""Workers: what handles a piece of work, and what that takes."""
