"""What a page states of itself, each fact with where it was found."""
