"""What the command `doctor` looks at, one module for each section."""
