"""`meterhouse vault`: the keys under which provider credentials are sealed."""

import typer

from meterhouse.cli.output import JsonFlag, errors_in_words, print_json, say
from meterhouse.connections.vault import rotate_key
from meterhouse.settings import Settings

vault_app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The key that seals all provider credentials."
)


@vault_app.callback()
def vault() -> None:
    """The key that seals all provider credentials."""


@vault_app.command("rotate-key")
@errors_in_words()
def rotate_key_command(as_json: JsonFlag = False) -> None:
    """Seal all credentials again with a new key.

    A key file (vault.key in METERHOUSE_HOME) gets a new key and then loses the old one; a crash in between
    loses nothing.

    With keys in METERHOUSE_VAULT_KEY, put a new one in front first (NEW,OLD), run this, then take the old
    one away.
    """
    settings = Settings()
    count = rotate_key(settings)
    place = "file" if settings.vault_key is None else "environment"
    if as_json:
        print_json({"resealed": count, "key_from": place})
        return
    say(f"Sealed the credentials of {count} connection(s) with the new key.")
    if settings.vault_key is not None:
        say("METERHOUSE_VAULT_KEY may now hold its first key alone.")
