"""Files as people hand them over: types, encodings, records, markup."""
