"""From a clean article to its place among those already stored."""
