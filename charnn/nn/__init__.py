"""What learns: recurrent cells, the language model built of them, and the writing of new text. JAX only."""
