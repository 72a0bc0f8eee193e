"""A small world on loopback with known truth: provider APIs, Slack, traffic, and the ledger of what is true.

What belongs here: what really happened (`world`), what each provider writes in its books (`books`), the
servers that show those books as OpenAI and Anthropic do, and an independent calculation of every number the
marts must hold (`ledger`). What does not: anything of the product, for the sandbox must be able to
prove it wrong.
"""
