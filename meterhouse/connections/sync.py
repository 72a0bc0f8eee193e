"""Syncing: pull a connection's reports into the warehouse, so that a kill at any point costs nothing but a rerun.

The order is the guarantee: rows are extracted with no lock held, loaded under the warehouse lock, and become visible
only when the versions of their days (`pulled_days`) are loaded after them. Packages that an earlier run left behind are
dropped, since the window is pulled again anyway. What does not belong here: what a provider's reports are
(`dlt_sources/`), or which connections exist (`registry.py`).
"""
