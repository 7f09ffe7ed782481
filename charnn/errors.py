"""What can go wrong, by kind. Every message says what was found, what was needed and what to do."""


class CharnnError(Exception):
    """The base of every error that a person can cause and read.

    `exit_code` is what the command line leaves with: 1 for a failure.
    """

    exit_code = 1


class ConfigError(CharnnError):
    """A setting is out of its range, or contradicts another one. `field` names it where one is to blame."""

    exit_code = 2

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class CorpusError(CharnnError):
    """A text cannot be found, fetched, read or trained on."""


class CheckpointError(CharnnError):
    """A run folder is missing, damaged, or not what was asked for."""


class TrainingError(CharnnError):
    """Training cannot go on."""


class SessionError(CharnnError):
    """A writing session cannot be opened, read or kept."""
