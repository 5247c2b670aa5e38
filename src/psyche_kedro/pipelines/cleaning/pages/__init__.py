"""Book pages without running heads, page numbers and broken lines."""
