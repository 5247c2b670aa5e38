"""What surrounds a run: it is checked before, recorded, and summed up after."""
