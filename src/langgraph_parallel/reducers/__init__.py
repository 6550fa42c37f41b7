"""Pure joins: channel reducers, votes, findings, merges. Nothing here knows LangGraph or LangChain."""
