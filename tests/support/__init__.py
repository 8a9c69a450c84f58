"""What tests stand on: an embedded database, a browser, a server."""
