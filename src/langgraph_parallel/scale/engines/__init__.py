"""Engines: this process, processes of this machine, Dask, and any `concurrent.futures.Executor`."""
