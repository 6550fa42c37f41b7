"""What comes from outside, as text and as rows: files, folders, documents and tables."""
