"""Where the project's files stand, and how one is written so that none is half."""
