"""What Wirewatch does: one room per step of the path. Start reading at `workers/pipeline.py`."""
