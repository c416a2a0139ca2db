"""Codes as arrays for other programs: formats, each a pair of write and read. No torch."""
