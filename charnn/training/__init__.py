"""How it learns: the training step, evaluation, checkpoints and the record of a run."""
