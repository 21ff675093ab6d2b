"""MLflow behind the journal: a sink that may be down, and that holds nothing the journal does not."""
