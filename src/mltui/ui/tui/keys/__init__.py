"""The keys of the app: which there are, how a person changes them, and how they are shown."""
