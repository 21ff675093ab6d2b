"""What a file shows of itself: training, prompts, evaluation, data splits, and the configuration that they read."""
