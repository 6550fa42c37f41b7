"""Fuzz targets of all readers: a result or one clear error, in bounded time and memory."""
