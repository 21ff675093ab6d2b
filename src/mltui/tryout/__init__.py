"""`mltui try`: one whole experiment on the packaged example, with the embedded model and no network."""
