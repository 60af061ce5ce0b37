"""The room that says what an article is about."""
