"""Google on loopback: the billing export in BigQuery, Cloud Monitoring, and signing in."""
