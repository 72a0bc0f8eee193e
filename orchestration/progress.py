"""A logger that says one line per step: for people who watch a run in a terminal."""

import logging
import sys

import dagster as dg

TELLING = {
    dg.DagsterEventType.STEP_START: "started",
    dg.DagsterEventType.STEP_SUCCESS: "done",
    dg.DagsterEventType.STEP_FAILURE: "FAILED",
}


class _StepLines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        word = TELLING.get(event.event_type) if event else None
        if event and word:
            sys.stderr.write(f"{event.step_key} {word}\n")
            sys.stderr.flush()


@dg.logger({}, description="One line on stderr when a step starts and ends.")
def progress_logger(_: dg.InitLoggerContext) -> logging.Logger:
    """Tells a step's start and end, and nothing else."""
    logger = logging.Logger("progress", level=logging.DEBUG)  # noqa: LOG001
    logger.addHandler(_StepLines())
    return logger
