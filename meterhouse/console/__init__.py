"""The console: web pages over the control database and the published marts, rendered on the server."""
