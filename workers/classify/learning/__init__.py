"""Making a model from labelled articles, and letting it replace the one in force only if it is no worse."""
