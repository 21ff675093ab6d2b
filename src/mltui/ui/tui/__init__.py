"""The Textual app: a consumer of events and an approver for a person at a terminal."""
