"""Plots made of characters, as lines of styled pieces: the app paints them, plain text drops the styles."""
