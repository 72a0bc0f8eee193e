"""Data quality: rules on raw provider pulls and on event files, and how fresh each connection's data are."""
