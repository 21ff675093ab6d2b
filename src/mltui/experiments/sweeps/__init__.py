"""Sweeps: many trials of a declared space under one approval, and a winner that is confirmed on seeds that no trial had."""
