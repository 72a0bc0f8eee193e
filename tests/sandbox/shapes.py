"""Comparing an answer with a documented example: same names, same kinds of value."""


def shape(value):
    """The names and kinds of a JSON value; kinds that may stand for each other (numbers, null) are one."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if isinstance(value, bool):
        return "flag"
    return "text" if isinstance(value, str) else "number or null"


def names(value):
    """The names in a JSON value, all the way down; of a list, those of its first item."""
    if isinstance(value, dict):
        return {name: names(part) for name, part in value.items()}
    if isinstance(value, list):
        return [names(value[0])] if value else []
    return None
