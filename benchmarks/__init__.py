"""Speeds of the engine, each with the command that measures it. Figures stand in README.md beside this file."""
