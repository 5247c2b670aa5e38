"""Question banks: from their layouts to questions."""
