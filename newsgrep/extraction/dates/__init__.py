"""Dates: their forms, where files state them, what the places are worth, and the choice."""
