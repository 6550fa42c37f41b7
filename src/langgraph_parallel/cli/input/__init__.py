"""What commands read beside documents and tables: repositories, diffs, and folders of a server."""
