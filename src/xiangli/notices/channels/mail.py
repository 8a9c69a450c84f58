"""E-mail over SMTP, by Django's own sender, in a thread: it waits for the server."""

from __future__ import annotations

import asyncio
import smtplib
from typing import Final

import httpx
from django.core.mail import EmailMessage, get_connection

from xiangli.notices.channels.web import Line, Message, Undelivered
from xiangli.notices.states import Fault

WAITS: Final = 5  # seconds, for each line of the talk


class Mail:
    """One connection a message: a few an hour go to one person."""

    def __init__(self, line: Line, web: httpx.AsyncClient) -> None:
        self._settings = line.settings

    async def send(self, message: Message) -> None:
        await asyncio.to_thread(self._send, message)

    def _send(self, message: Message) -> None:
        given = self._settings
        connection = get_connection(
            host=given["host"],
            port=given["port"],
            username=given["username"],
            password=given["password"],
            use_ssl=given["security"] == "tls",
            use_tls=given["security"] == "starttls",
            timeout=WAITS,
        )
        subject, body = message.places["says"], message.text
        try:
            EmailMessage(subject, body, given["sender"], [message.to], connection=connection).send()
        except smtplib.SMTPServerDisconnected:
            raise Undelivered(Fault.NO_ANSWER) from None
        except smtplib.SMTPRecipientsRefused as refused:
            codes = {code for code, _words in refused.recipients.values()}
            raise Undelivered(Fault.UNKNOWN if min(codes, default=0) >= 500 else Fault.BUSY) from None
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPSenderRefused, smtplib.SMTPNotSupportedError):
            raise Undelivered(Fault.CREDENTIALS) from None
        except smtplib.SMTPResponseException as refused:
            raise Undelivered(_of_reply(refused.smtp_code)) from None
        except smtplib.SMTPException:
            raise Undelivered(Fault.NONSENSE) from None
        except OSError:
            raise Undelivered(Fault.NO_ANSWER) from None


def _of_reply(code: int) -> Fault:
    if code < 200:  # no reply of SMTP's at all
        return Fault.NONSENSE
    return Fault.REFUSED if code >= 500 else Fault.BUSY
