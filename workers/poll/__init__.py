"""Poll: a source that is due gives the links that it has not given before."""
