"""The cast of the world: services that call models, accounts they call with, customers they serve.

What belongs here: tables of names and habits. What does not: single calls (`calls`), when they happen
(`schedule`).
"""

from dataclasses import dataclass

from sandbox.catalogue import ACME_INTERNAL, EMBEDDING, GPT_4O, GPT_5_MINI, HAIKU, O1_PRO, SONNET, Model


@dataclass(frozen=True)
class Space:
    """A project (OpenAI) or workspace (Anthropic) with the one API key its services use."""

    provider: str
    project: str | None
    """Provider's id; None is Anthropic's default workspace, which has none."""
    name: str
    key: str
    key_name: str
    is_archived: bool = False


CODE = Space("openai", "proj_code", "Code", "key_code_ci", "code-ci")
CHAT = Space("openai", "proj_chat", "Chat", "key_chat_prod", "chat-prod")
INSIGHTS = Space("openai", "proj_insights", "Insights", "key_insights_prod", "insights-prod")
LABS = Space("openai", "proj_labs", "Labs", "key_labs_dev", "labs-dev")
ATTIC = Space("openai", "proj_attic", "Attic", "key_attic_old", "attic-old", is_archived=True)
SEARCH = Space(
    "anthropic", "wrkspc_01SEARCHsandbox0000000", "Search", "apikey_01SEARCHsandbox0000000", "search-prod"
)
DOCS = Space(
    "anthropic", "wrkspc_01DOCSsandbox000000000", "Docs", "apikey_01DOCSsandbox000000000", "docs-prod"
)
DEFAULT = Space("anthropic", None, "Default", "apikey_01PROTOsandbox00000000", "prototype-dev")

SPACES = (CODE, CHAT, INSIGHTS, LABS, ATTIC, SEARCH, DOCS, DEFAULT)

CUSTOMERS = {"acme-corp": 30, "globex": 22, "initech": 18, "umbrella": 14, "acme-labs": 9, "hooli": 7}
"""Customers with their share of the calls."""
SUBSCRIBERS_PER_CUSTOMER = 12


@dataclass(frozen=True, eq=False)
class Service:
    """One application that calls one model, and its habits."""

    model: Model
    space: Space
    product: str
    agent: str
    workflow: str
    business_unit: str
    environment: str
    weight: int
    """Share of the recorded calls it makes."""
    tier: str = "standard"
    cache_share: float = 0.0
    """Part of its calls that read a prompt cache."""
    cache_write: str | None = None
    """Token type of the cache it writes, for providers that bill writes."""
    web_search_share: float = 0.0
    stream_share: float = 0.0
    carries_project: bool = True
    """Whether its events name the project or workspace."""


REVIEW = Service(
    GPT_4O, CODE, "code-review", "reviewer", "pull-request", "engineering/platform", "production", 20,
    cache_share=0.6,
)  # fmt: skip
EVALUATION = Service(
    GPT_4O,
    CODE,
    "code-review",
    "evaluator",
    "batch-evaluation",
    "engineering/platform",
    "staging",
    8,
    tier="batch",
)
TRIAGE = Service(
    GPT_5_MINI, CHAT, "support-assistant", "triage", "ticket-triage", "operations/support", "production", 28,
    cache_share=0.4, stream_share=0.5,
)  # fmt: skip
CONTRACTS = Service(
    ACME_INTERNAL, CHAT, "contracts", "extractor", "contract-intake", "operations/legal", "production", 4,
    carries_project=False,
)  # fmt: skip
ANSWERS = Service(
    SONNET, SEARCH, "search", "answerer", "answer-question", "product/search", "production", 18,
    cache_share=0.5, cache_write="cache_write_5m", web_search_share=0.1, stream_share=0.7,
)  # fmt: skip
DOCUMENTS = Service(
    HAIKU, DOCS, "docs", "librarian", "index-documents", "product/knowledge", "production", 12,
    cache_share=0.5, cache_write="cache_write_1h",
)  # fmt: skip
DIGEST = Service(
    HAIKU, DOCS, "docs", "digester", "daily-digest", "product/knowledge", "production", 5, tier="batch"
)  # fmt: skip
PROTOTYPE = Service(
    HAIKU, DEFAULT, "prototype", "sketcher", "try-out", "engineering/research", "development", 5
)  # fmt: skip

METERED_SERVICES = (REVIEW, EVALUATION, TRIAGE, CONTRACTS, ANSWERS, DOCUMENTS, DIGEST, PROTOTYPE)
"""Services that share the recorded calls."""

LIVE_CHAT = Service(
    GPT_5_MINI, CHAT, "support-assistant", "live-chat", "live-chat", "operations/support", "production", 0,
    stream_share=1.0,
)  # fmt: skip
"""Streams without asking for usage, so its events carry no quantities."""
LABS_CHAT = Service(GPT_5_MINI, LABS, "labs", "tinkerer", "labs", "engineering/research", "development", 0)
LABS_EMBEDDINGS = Service(
    EMBEDDING, LABS, "labs", "indexer", "labs", "engineering/research", "development", 0
)
"""The unmetered service: billed and in the usage report, never metered."""
DEEP_RESEARCH = Service(
    O1_PRO, INSIGHTS, "insights", "deep-research", "market-report", "product/insights", "production", 0
)  # fmt: skip
"""The agent that runs over its limit."""
