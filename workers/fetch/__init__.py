"""Fetch: a discovered link becomes a page. The only way out to the world is here."""
