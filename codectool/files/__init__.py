"""Inputs and outputs as bytes: opening, standard streams, temporary names and renames. No torch."""
