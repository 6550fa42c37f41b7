"""Replays of recorded runs under other settings: discrete events are simulated over a record, without a call.

`reading` makes an `outline` of a record: a tree of what followed what. `blocks`, `polls` and `requests` run
it on a `clock`, where an `endpoint` decides when a request leaves. `replaying` adds up what came of it.
"""
