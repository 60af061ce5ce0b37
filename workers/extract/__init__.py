"""From a fetched page to clean text, or the reason why there is none."""
