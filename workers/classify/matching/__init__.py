"""Finding thousands of terms in a text, and what a hit weighs by where it stands."""
