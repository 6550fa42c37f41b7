"""What commands read: files, folders, documents, tables and diffs."""
