"""Personal data in text, without a model: how a person can be reached or charged."""

from langgraph_parallel.offline.personal_data.search import PERSONAL, find_places, personal_data
from langgraph_parallel.offline.personal_data.telephones import check_region, finds_telephones

__all__ = ["PERSONAL", "check_region", "find_places", "finds_telephones", "personal_data"]
