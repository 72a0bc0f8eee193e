"""One module per schema change, never edited once released."""
