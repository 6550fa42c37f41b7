"""`python -m langgraph_parallel`: the command `langgraph-parallel`."""

from langgraph_parallel.cli import main

if __name__ == "__main__":
    main()
