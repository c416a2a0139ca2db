"""The known models: registry (plain data), one file a family, and loading."""
