"""Comparisons with other people's programs, which are not needed to use or to test codectool."""
