"""Tables: how their fields are separated, where their header is, and which columns hold texts and names."""
