"""What surrounds the path: servers that we bring, the process tree, the sample newsroom and its judge."""
