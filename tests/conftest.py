"""What all tests share: their names must be the same in every process, so that they can be spread over several."""


def pytest_make_parametrize_id(config, val, argname):
    """Bytes are named after their argument: they may hold the time at which they were packed."""
    return argname if isinstance(val, bytes) else None
