"""The files of the corpus are looked at, not run."""

collect_ignore_glob = ["*"]
