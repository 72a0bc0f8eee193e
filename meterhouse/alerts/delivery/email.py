"""E-mail: one plain text message by SMTP.

What users supplied stands in plain text and in one-line headers only. What belongs here: the letter, and what a mail
server's answer means. What does not: words (`wording.py`) and retries (`outbox.py`).
"""

import smtplib
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate
from functools import partial

from meterhouse.alerts.delivery.contract import FailedError, Message, NotConfiguredError, RefusedError, Send
from meterhouse.settings import Settings

TIMEOUT_SECONDS = 8
LONGEST_SUBJECT = 200


def open_channel(settings: Settings) -> Send:
    """The channel `email`.

    Raises:
        NotConfiguredError: Server, sender or recipients are missing.
    """
    if not (settings.smtp_host and settings.email_from and settings.email_to):
        raise NotConfiguredError(
            "The channel email is not set up: set METERHOUSE_SMTP_HOST, METERHOUSE_EMAIL_FROM and METERHOUSE_EMAIL_TO."
        )
    return partial(send, settings)


def send(settings: Settings, message: Message) -> None:
    """Hand a letter to the mail server.

    Raises:
        FailedError: The server did not answer, or is busy.
        RefusedError: It does not accept the sender, a recipient, the password or the letter.
    """
    letter = write(settings, message)
    try:
        with _connected(settings) as server:
            refused = server.send_message(letter)
    except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError):
        raise RefusedError(
            "The mail server does not accept the log-in: check METERHOUSE_SMTP_USER and METERHOUSE_SMTP_PASSWORD."
        ) from None
    except smtplib.SMTPRecipientsRefused as error:
        raise _refusal(min(code for code, _ in error.recipients.values()), "every recipient") from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, "the message") from None
    except (OSError, smtplib.SMTPException) as error:
        raise FailedError(f"The mail server could not be reached ({type(error).__name__}).") from None
    if refused:
        raise RefusedError(
            f"The mail server refused {len(refused)} of the recipients, the others have it: check METERHOUSE_EMAIL_TO."
        )


def write(settings: Settings, message: Message) -> EmailMessage:
    """The letter; sent again, it carries the same id, by which mail programs know it."""
    sender = Address(addr_spec=str(settings.email_from))
    letter = EmailMessage()
    letter["Subject"] = _one_line(message.title)[:LONGEST_SUBJECT]
    letter["From"] = sender
    letter["To"] = [
        Address(addr_spec=text.strip()) for text in str(settings.email_to).split(",") if text.strip()
    ]
    letter["Date"] = formatdate(usegmt=True)
    letter["Message-ID"] = f"<{message.key}@{sender.domain}>"
    lines = [f"{label}: {_one_line(text)}" for label, text in message.lines]
    if message.next_step:
        lines += ["", f"Next: {message.next_step}"]
    lines += ["", f"Alert {message.alert_id}", settings.console_url]
    letter.set_content("\n".join(lines))
    return letter


def _connected(settings: Settings) -> smtplib.SMTP:
    host, port = str(settings.smtp_host), settings.smtp_port
    if settings.smtp_security == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            host, port, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context()
        )
    else:
        server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    if settings.smtp_security == "starttls":
        server.starttls(context=ssl.create_default_context())
    if settings.smtp_user and settings.smtp_password:
        server.login(settings.smtp_user, settings.smtp_password.get_secret_value())
    return server


def _refusal(code: int, what: str) -> FailedError | RefusedError:
    """4xx means later, 5xx never (RFC 5321 §4.2.1)."""
    if code < 500:
        return FailedError(f"The mail server asks to come back later ({code}).")
    return RefusedError(
        f"The mail server refused {what} ({code}): check METERHOUSE_EMAIL_FROM and METERHOUSE_EMAIL_TO."
    )


def _one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
