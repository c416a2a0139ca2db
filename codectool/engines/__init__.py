"""What runs a network: threads, blocks of a fixed grid, and the trial of joined blocks."""
