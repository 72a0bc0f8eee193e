"""LangChain: its own callbacks, and where they say what a call used.

`callbacks=[meterhouse_sdk.langchain_handler()]` meters every model call and tool call of a chain. What belongs
here: reading LangChain's messages. What does not: splitting usage (`usage.py`).
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from meterhouse_sdk import context, trouble
from meterhouse_sdk.callbacks import Remembered
from meterhouse_sdk.calls import Answer, Call, Endpoint
from meterhouse_sdk.looking import items, look
from meterhouse_sdk.usage import langchain_quantities

_PROVIDERS = {
    "azure": "azure_openai",
    "amazon_bedrock": "aws_bedrock",
    "google_genai": "google",
    "google_vertexai": "google",
    "mistralai": "mistral",
}
"""Our name of who serves a call, where LangChain's `ls_provider` is another."""


@dataclass(frozen=True)
class _Run:
    """A step of a chain that runs: the root of its trace, and its call where it is one."""

    trace_id: str
    call: Optional[Call] = None


def langchain_handler() -> Any:
    """A LangChain callback handler that meters every model and tool call.

    Pass it in `callbacks`, or in `config={"callbacks": [...]}`. Calls of one chain share a trace id, unless
    the attribution in force names one.

    Raises:
        ImportError: LangChain is not installed.
    """
    base = importlib.import_module("langchain_core.callbacks").BaseCallbackHandler
    return type("MeterhouseHandler", (LangChainCalls, base), {"run_inline": True})()


class LangChainCalls:
    """The callbacks, by the names LangChain calls them by."""

    def __init__(self) -> None:
        super().__init__()
        self._runs: Remembered[_Run] = Remembered()

    def on_chain_start(
        self, _serialized: Any, _inputs: Any, *, run_id: Any, parent_run_id: Any = None, **_: Any
    ) -> None:
        """A step starts."""
        self._runs.put(run_id, _Run(self._trace(run_id, parent_run_id)))

    def on_chain_end(self, _outputs: Any, *, run_id: Any, **_: Any) -> None:
        """A step ended."""
        self._runs.take(run_id)

    def on_chain_error(self, _error: Any, *, run_id: Any, **_: Any) -> None:
        """A step failed."""
        self._runs.take(run_id)

    def on_chat_model_start(self, _serialized: Any, messages: Any, **about: Any) -> None:
        """A call of a chat model starts."""
        self._begin(_MODEL, about, messages=messages[0] if messages else None)

    def on_llm_start(self, _serialized: Any, prompts: Any, **about: Any) -> None:
        """A call of a text model starts."""
        self._begin(_MODEL, about, messages=prompts)

    def on_llm_new_token(self, _token: Any, *, run_id: Any, **_: Any) -> None:
        """A token of a streamed answer came."""
        run = self._runs.get(run_id)
        if run is not None and run.call is not None:
            run.call.token_came()

    def on_llm_end(self, result: Any, *, run_id: Any, **_: Any) -> None:
        """A call of a model ended well."""
        self._succeed(run_id, result)

    def on_llm_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
        """A call of a model failed."""
        self._fail(run_id, error)

    def on_tool_start(self, serialized: Any, _text: Any, **about: Any) -> None:
        """A tool starts."""
        self._begin(_TOOL, about, look(serialized, "name"))

    def on_tool_end(self, _output: Any, *, run_id: Any, **_: Any) -> None:
        """A tool ended well."""
        self._succeed(run_id, None)

    def on_tool_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
        """A tool failed."""
        self._fail(run_id, error)

    def _trace(self, run_id: Any, parent_run_id: Any) -> str:
        parent = self._runs.get(parent_run_id)
        return parent.trace_id if parent is not None else str(parent_run_id or run_id)

    def _begin(
        self, endpoint: Endpoint, about: Mapping[str, Any], tool: Optional[str] = None, messages: Any = None
    ) -> None:
        with trouble.kept_from_caller("starting a LangChain call"):
            run_id = about["run_id"]
            trace_id = self._trace(run_id, about.get("parent_run_id"))
            provider = look(about, "metadata", "ls_provider") or look(about, "invocation_params", "_type")
            request = {
                "model": look(about, "metadata", "ls_model_name")
                or look(about, "invocation_params", "model"),
                "stream": look(about, "invocation_params", "stream"),
                "messages": messages,
            }
            fields: dict[str, Any] = {"event_id": str(run_id)}
            if "trace_id" not in context.current():
                fields["trace_id"] = trace_id
            if tool is not None:
                fields["metadata"] = {"tool": tool}
                provider = provider or "langchain"
            call = Call(endpoint, _PROVIDERS.get(str(provider), str(provider)), request, fields)
            self._runs.put(run_id, _Run(trace_id, call))

    def _succeed(self, run_id: Any, result: Any) -> None:
        with trouble.kept_from_caller("reading a LangChain answer"):
            run = self._runs.take(run_id)
            if run is not None and run.call is not None:
                run.call.answer_came(look(_generation(result), "message"))
                run.call.succeed(run.call.endpoint.read_answer(result))

    def _fail(self, run_id: Any, error: BaseException) -> None:
        with trouble.kept_from_caller("metering an error"):
            run = self._runs.take(run_id)
            if run is not None and run.call is not None:
                run.call.fail(error)


def _read_result(result: Any) -> Answer:
    message = look(_generation(result), "message")
    about = look(message, "response_metadata") or look(result, "llm_output") or {}
    fields = {
        "provider_request_id": look(about, "id") or look(about, "request_id"),
        "response_model": look(about, "model_name") or look(about, "model"),
        "stop_reason": look(about, "finish_reason") or look(about, "stop_reason"),
    }
    return Answer(fields, look(message, "usage_metadata"))


def _generation(result: Any) -> Any:
    return next((one for batch in items(look(result, "generations")) for one in batch), None)


def _read_tool(_output: Any) -> Answer:
    return Answer()


_MODEL = Endpoint("chat", _read_result, None, langchain_quantities, "langchain")
_TOOL = Endpoint("tool", _read_tool, None, langchain_quantities, "langchain")
