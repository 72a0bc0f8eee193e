"""The control database: connections, sync runs, the file ledger, alert state; never analytics."""
