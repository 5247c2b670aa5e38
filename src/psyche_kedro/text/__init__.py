"""What a text says, whatever it is of: numerals, addresses, its tokens."""
