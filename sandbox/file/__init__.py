"""Bills in files: a small random account, and its files as a provider's page would export them."""
