"""The HTTP API: one module a group of addresses, `app` puts them together."""
