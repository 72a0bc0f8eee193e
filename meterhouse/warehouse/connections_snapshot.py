"""The connections as the warehouse sees them: names and status, copied from the control database, never a credential."""
