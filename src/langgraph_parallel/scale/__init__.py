"""Any graph over any number of items: on one machine or on many, one row for each item.

from langgraph_parallel.scale import map_items

report = map_items("labeling", "reviews.csv", inputs={"items": "text"}, sink="labels.sqlite", ...)
"""
