"""Models behind an OpenAI-compatible endpoint; one module imports ``openai``."""
