"""Where replies are kept, and batches under way."""
