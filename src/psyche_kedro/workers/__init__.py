"""Work on what cannot be trusted: one item after the other, in a process of its own.

It knows no chapter. A function and its items go in; for each item comes out what the
function made of it, or why it is lost, in order.
"""
