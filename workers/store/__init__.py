"""The ledger: what is true, in PostgreSQL. A Celery message is only a hint to look here."""
