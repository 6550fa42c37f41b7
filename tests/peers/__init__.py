"""What users of other frameworks rely on, a file for each: scenarios in our words, with our public names."""
