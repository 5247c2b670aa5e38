"""CEDAR: scenarios that cultures feel differently, and what models make of them."""
