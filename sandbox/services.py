"""The cast of the world: services that call models, accounts they call with, customers they serve.

What belongs here: tables of names and habits. What does not: single calls (`calls`), when they happen
(`schedule`).
"""

from dataclasses import dataclass

from sandbox.catalogue import (
    ACME_INTERNAL,
    AZURE_GPT_4O,
    AZURE_GPT_5,
    BEDROCK_SONNET,
    EMBEDDING,
    FLUX,
    GEMINI_FLASH,
    GEMINI_PRO,
    GPT_4O,
    GPT_5_MINI,
    HAIKU,
    KLING,
    NOVA_LITE,
    NOVA_MICRO,
    NOVA_PRO,
    O1_PRO,
    ROUTED_MINI,
    ROUTED_SONNET,
    SONNET,
    Model,
)

ACCOUNTS = {
    "openai": "openai",
    "openai-europe": "openai",
    "anthropic": "anthropic",
    "aws_bedrock": "aws_bedrock",
    "google": "google",
    "azure_openai": "azure_openai",
    "openrouter": "openrouter",
    "litellm": "litellm",
    "piapi": "piapi",
}
"""The company's accounts, and the provider of each; two are of one provider."""


@dataclass(frozen=True)
class Space:
    """A part of an account with the one API key its services use: a project, workspace, region or team."""

    account: str
    project: str | None
    """Provider's id; None where there is none, as for Anthropic's default workspace."""
    name: str
    key: str | None
    """Provider's id of the key; None where events can name none."""
    key_name: str
    is_archived: bool = False
    region: str | None = None

    @property
    def provider(self) -> str:
        """Whose account it is in."""
        return ACCOUNTS[self.account]


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

PROXY = Space("openai", "proj_proxy", "Proxy", "key_proxy_prod", "proxy-prod")
EUROPE = Space("openai-europe", "proj_europe", "Europe", "key_europe_prod", "europe-prod")
VIRGINIA = Space("aws_bedrock", None, "us-east-1", None, "bedrock-us", region="us-east-1")
IRELAND = Space("aws_bedrock", None, "eu-west-1", None, "bedrock-eu", region="eu-west-1")
AZURE = Space("azure_openai", "aoai-prod", "aoai-prod", None, "aoai-prod", region="eastus")
VERTEX = Space("google", "ml-prod", "ml-prod", None, "vertex-prod", region="europe-west4")
ROUTER = Space(
    "openrouter", "5b1f8f8e-0a6f-4d0c-9c5e-000000000001", "Default", "or-key-hash-0001", "router-prod"
)
MEDIA = Space("piapi", None, "acme-media", "77", "media-prod")
PROXY_TEAM = Space("litellm", "team-mobile", "Mobile", "hash-of-the-virtual-key-0001", "mobile-app")
"""Whom the proxy knows the callers of `PROXY` as."""

SPACES = (
    CODE, CHAT, INSIGHTS, LABS, PROXY, ATTIC, SEARCH, DOCS, DEFAULT, EUROPE, VIRGINIA, IRELAND, VERTEX, AZURE, ROUTER,
    MEDIA, PROXY_TEAM,
)  # fmt: skip

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
    gateway: Space | None = None
    """Whom a proxy between it and the provider knows it as."""
    thinking_share: float = 0.0
    """Part of the output it spends on reasoning."""

    @property
    def accounts(self) -> frozenset[str]:
        """Accounts it needs: of the provider, and of the proxy in between."""
        return frozenset({self.space.account} | ({self.gateway.account} if self.gateway else set()))


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

MOBILE = Service(
    GPT_4O, PROXY, "mobile", "companion", "in-app-chat", "product/mobile", "production", 9, cache_share=0.3,
    gateway=PROXY_TEAM,
)  # fmt: skip
REGIONAL_CHAT = Service(
    GPT_4O, EUROPE, "support-assistant", "triage-eu", "ticket-triage", "operations/support", "production", 6,
    carries_project=False,
)  # fmt: skip
"""In the second organization; its events name that organization's key alone."""
COUNSEL = Service(
    BEDROCK_SONNET, VIRGINIA, "contracts", "counsel", "contract-review", "operations/legal", "production", 6,
    cache_share=0.5, cache_write="cache_write_5m",
)  # fmt: skip
MODERATION = Service(
    NOVA_PRO, VIRGINIA, "moderation", "moderator", "moderate-post", "product/community", "production", 8,
    cache_share=0.2,
)  # fmt: skip
TRANSLATION = Service(
    NOVA_LITE, IRELAND, "translation", "translator", "translate-ticket", "operations/support", "production", 8
)  # fmt: skip
ARCHIVE = Service(
    NOVA_LITE, IRELAND, "translation", "archivist", "translate-archive", "operations/support", "production", 4,
    tier="batch",
)  # fmt: skip
HELPDESK = Service(
    AZURE_GPT_4O, AZURE, "helpdesk", "helper", "it-request", "operations/it", "production", 8, cache_share=0.4
)  # fmt: skip
PLANNING = Service(
    AZURE_GPT_5, AZURE, "planning", "planner", "weekly-plan", "operations/planning", "production", 5,
    cache_share=0.3, thinking_share=0.6,
)  # fmt: skip
SCOUTING = Service(
    ROUTED_SONNET, ROUTER, "insights", "scout", "scan-market", "product/insights", "production", 4, cache_share=0.4
)  # fmt: skip
TAGGING = Service(
    ROUTED_MINI, ROUTER, "docs", "tagger", "tag-documents", "product/knowledge", "production", 6
)  # fmt: skip

ASSISTANT = Service(
    GEMINI_FLASH, VERTEX, "workspace", "assistant", "answer-mail", "operations/office", "production", 9,
    cache_share=0.4, thinking_share=0.3,
)  # fmt: skip
ANALYST = Service(
    GEMINI_PRO, VERTEX, "insights", "analyst", "quarterly-analysis", "product/insights", "production", 4,
    cache_share=0.3, thinking_share=0.6,
)  # fmt: skip

METERED_SERVICES = (
    REVIEW, EVALUATION, TRIAGE, CONTRACTS, ANSWERS, DOCUMENTS, DIGEST, PROTOTYPE, MOBILE, REGIONAL_CHAT, COUNSEL,
    MODERATION, TRANSLATION, ARCHIVE, HELPDESK, PLANNING, SCOUTING, TAGGING, ASSISTANT, ANALYST,
)  # fmt: skip
"""Services that share the recorded calls."""

COVERS = Service(FLUX, MEDIA, "studio", "illustrator", "draw-cover", "marketing/brand", "production", 0)
TRAILERS = Service(KLING, MEDIA, "studio", "director", "cut-trailer", "marketing/brand", "production", 0)
"""Make images and videos: metered by piece, beyond the recorded calls."""
SHADOW = Service(
    NOVA_MICRO, VIRGINIA, "labs", "experimenter", "labs", "engineering/research", "development", 0
)
"""Calls Bedrock unmetered."""
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
