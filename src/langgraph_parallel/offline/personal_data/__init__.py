"""Personal data in text, without a model: how a person can be reached or charged."""

from langgraph_parallel.offline.personal_data.search import PERSONAL, personal_data
from langgraph_parallel.offline.personal_data.telephones import check_region, finds_telephones

__all__ = ["PERSONAL", "check_region", "finds_telephones", "personal_data"]
