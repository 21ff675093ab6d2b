"""The terminal itself: what it can do, what is written to it and what is put back at the end. Nothing here knows Textual."""
