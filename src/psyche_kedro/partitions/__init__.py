"""Work on parts of a table or of a book, wherever the catalog says.

A work and its partitions go in; for each comes out, in order, where its tables are, or
why it is lost. A finished one is found again by its content, whatever ended the run. It
knows no chapter.
"""
