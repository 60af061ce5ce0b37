"""What an operator edits, and its typed readers. Imports nothing of the rooms."""
