"""Textbooks: the text of their pages, from a text layer or by OCR."""
