"""Texts in normal form (§2.1 Data Cleaning 2)."""
