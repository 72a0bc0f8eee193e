"""Quick starts: what to paste into a program so that its calls are metered.

What belongs here: one short snippet for each client, with the installation's own endpoint. What does not: what the SDK
can do beyond (`sdk/README.md`).
"""

from dataclasses import dataclass

_ENVIRONMENT = """export METERHOUSE_URL={url}
export METERHOUSE_API_KEY=mh_..."""
_WRAPPED = """from meterhouse_sdk import attribute, wrap

client = wrap({client})
with attribute(customer="acme", product="search"):
    {call}"""


@dataclass(frozen=True)
class Snippet:
    """What a client is called, and its code."""

    title: str
    code: str


def snippets(url: str) -> list[Snippet]:
    """The quick starts for an endpoint; the first is what the SDK's all need."""
    wrapped = {
        "OpenAI (Python)": (
            "import openai",
            "openai.OpenAI()",
            'client.responses.create(model="gpt-5", input="Hello")',
        ),
        "Anthropic (Python)": (
            "import anthropic",
            "anthropic.Anthropic()",
            (
                'client.messages.create(\n        model="claude-sonnet-5", max_tokens=100,\n'
                '        messages=[{"role": "user", "content": "Hello"}],\n    )'
            ),
        ),
        "Gemini and Vertex AI (Python)": (
            "from google import genai",
            "genai.Client()",
            'client.models.generate_content(model="gemini-2.5-flash", contents="Hello")',
        ),
        "Bedrock (Python)": (
            "import boto3",
            'boto3.client("bedrock-runtime")',
            (
                'client.converse(\n        modelId="amazon.nova-pro-v1:0",\n'
                '        messages=[{"role": "user", "content": [{"text": "Hello"}]}],\n    )'
            ),
        ),
    }
    return [
        Snippet("Environment of the SDK", _ENVIRONMENT.format(url=url)),
        *(
            Snippet(title, f"{line}\n{_WRAPPED.format(client=client, call=call)}")
            for title, (line, client, call) in wrapped.items()
        ),
        Snippet(
            "LangChain",
            "from meterhouse_sdk import langchain_handler\n\n"
            'chain.invoke("Hello", config={"callbacks": [langchain_handler()]})',
        ),
        Snippet(
            "HTTP, from any language",
            f'curl {url}/v1/events \\\n  -H "Authorization: Bearer $METERHOUSE_API_KEY" '
            '-H "Content-Type: application/json" \\\n'
            '  -d \'{"event_id": "req-1", "provider": "openai", "model": "gpt-5",\n'
            '       "started_at": "2026-01-31T09:30:00Z", "input_tokens": 900, "output_tokens": 120}\'',
        ),
        Snippet(
            "OpenTelemetry",
            f"export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT={url}/v1/traces\n"
            'export OTEL_EXPORTER_OTLP_TRACES_HEADERS="authorization=Bearer mh_..."',
        ),
        Snippet(
            "LiteLLM proxy (config.yaml)",
            'litellm_settings:\n  callbacks: ["meterhouse"]\ncallback_settings:\n  meterhouse:\n'
            f"    callback_type: generic_api\n    endpoint: {url}/v1/litellm\n"
            '    headers:\n      Authorization: "Bearer mh_..."',
        ),
    ]
