"""The project's own commands, each imported when it is called."""
