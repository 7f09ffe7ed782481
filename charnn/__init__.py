"""charnn: train character-level recurrent nets on a text, watch them learn, and write with them."""

__version__ = "0.1.0"
