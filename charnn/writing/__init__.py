"""What it writes: text from a prompt. Knows no terminal."""
