"""Names, places and contact details replaced (§2.1; Ethics)."""
