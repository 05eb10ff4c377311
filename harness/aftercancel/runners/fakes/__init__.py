"""Fakes of the servers that real runners speak to: small, ours, and only what a job needs."""
