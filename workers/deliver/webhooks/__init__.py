"""Changes pushed to receivers: in order, at least once, signed."""
