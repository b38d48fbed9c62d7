"""Celery lives here and nowhere else: each task is a few lines that call a pipeline stage."""
