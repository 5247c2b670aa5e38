"""Review by people: the form, their verdicts, how far they agree."""
