"""Streams being encoded or decoded: the only owners of changing state."""
