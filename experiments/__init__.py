"""One script a figure, each a few calls of the library."""
