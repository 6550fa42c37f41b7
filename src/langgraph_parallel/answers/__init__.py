"""What models answer: read tolerantly, whatever the server wraps around it, and never guessed."""
