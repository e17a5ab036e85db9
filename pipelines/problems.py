"""Problems that a person can solve."""


class ProblemError(Exception):
    """Something that stops a command; the message names the thing concerned and the remedy."""
