"""The tasks of `examples/celery_tasks.py`, with all imported before children are forked.

BROKER=redis://... python -m celery -A tests.recipes.celery_worker worker
"""

from examples.celery_tasks import app
from tests.support.killed_run import import_all

__all__ = ["app"]

import_all()
app.conf.update(worker_lost_wait=0.2)  # seconds until a dead child is believed to be dead
