"""Checks of data before anything is trained on it: tables, arrays and folders of pictures; one set, or splits beside each other.

A table is read once, in batches, and never held: counts are exact, a hash is kept of each row (8 bytes), and what needs the
values themselves (quantiles, drift, how well a column predicts the label) looks at a uniform sample of the rows.
"""
