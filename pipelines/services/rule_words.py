"""How the rules of conservation are put together: a common head, words that name the figures, the rest."""


def worded(head: str, words: str, rest: str) -> str:
    """One rule's statement.

    Args:
        head: The SELECT up to its tables, with `<words>` where the figures are named.
        words: SQL for a text that names the figures.
        rest: Further joins, and the condition that no record may fulfil.
    """
    return head.replace("<words>", words) + rest
