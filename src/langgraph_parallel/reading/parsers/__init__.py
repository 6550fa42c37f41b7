"""Parsers of formats that are not plain text: bytes to text.

They run in a process of their own (`confined`), and so import nothing but the standard library and what they
parse with.
"""
