"""The library: what programs use. `codectool` exports all of it, and loads each part when first used."""
