"""A model server on loopback that bills: by its own tokenizer, its own prompt cache, and its own log.

It judges what the package reports, and so shares no code with it: it imports the standard library and
aiohttp, nothing else.
"""
