"""Steps of the notifications workflows: they write messages into their results, not to the world.

What a result holds under `outbox` is what a real sender would be handed. How texts, addresses and
numbers work is in `notifications_message`.
"""

from __future__ import annotations

import json
from typing import Final

from notifications_message import message_id, parse_address, parse_number, render, split_sms

from ratchet_core.sdk import PermanentError, StepContext, StepHandler

#: Severity to the channels that it goes over.
CHANNELS: Final = {
    "info": ("email",),
    "warning": ("email",),
    "critical": ("email", "sms"),
}


class CheckRecipients(StepHandler):
    """Check and clean email addresses."""

    name = "Notifications::StepHandler::CheckRecipients"

    def process(self, context: StepContext) -> object:
        """Return the addresses in the order given, each once."""
        asked = context.input["to"]
        addresses = [parse_address(one) for one in ([asked] if isinstance(asked, str) else asked)]
        if not addresses:
            raise PermanentError("to must name at least one address", code="INVALID_ADDRESS")
        return {"recipients": list(dict.fromkeys(addresses))}


class RenderEmail(StepHandler):
    """Fill the template in, or take subject and body as they are."""

    name = "Notifications::StepHandler::RenderEmail"

    def process(self, context: StepContext) -> object:
        """Return subject and body."""
        if "template" not in context.input:
            return {"subject": context.input["subject"], "body": context.input["body"]}
        message = render(context.input["template"], context.input.get("data", {}))
        return {"subject": message.subject, "body": message.body}


class QueueEmail(StepHandler):
    """Put one message per recipient into the outbox."""

    name = "Notifications::StepHandler::QueueEmail"

    def process(self, context: StepContext) -> object:
        """Return the outbox; publish `notification.email.sent` once per message."""
        recipients = context.results["check_recipients"]["recipients"]
        message = context.results["render_email"]
        outbox = []
        for number, recipient in enumerate(recipients, start=1):
            sent_id = message_id(context.idempotency_key, recipient)
            outbox.append({"message_id": sent_id, "to": recipient, **message})
            context.publish("notification.email.sent", {"message_id": sent_id, "to": recipient})
            context.progress(number / len(recipients), f"{number} of {len(recipients)}")
        return {"queued": len(outbox), "outbox": outbox}


class CheckNumber(StepHandler):
    """Check a telephone number."""

    name = "Notifications::StepHandler::CheckNumber"

    def process(self, context: StepContext) -> object:
        """Return the number without blanks and hyphens."""
        return {"to": parse_number(context.input["to"])}


class SplitText(StepHandler):
    """Split a text into SMS parts."""

    name = "Notifications::StepHandler::SplitText"

    def process(self, context: StepContext) -> object:
        """Return the encoding and the parts."""
        text = split_sms(context.input["text"])
        return {"encoding": text.encoding, "parts": list(text.parts)}


class QueueSms(StepHandler):
    """Put the parts of an SMS into the outbox."""

    name = "Notifications::StepHandler::QueueSms"

    def process(self, context: StepContext) -> object:
        """Return the outbox; publish `notification.sms.sent`."""
        number = context.results["check_number"]["to"]
        text = context.results["split_text"]
        sent_id = message_id(context.idempotency_key, number)
        context.publish("notification.sms.sent", {"message_id": sent_id, "to": number})
        return {
            "message_id": sent_id,
            "encoding": text["encoding"],
            "outbox": [
                {"to": number, "part": part, "of": len(text["parts"]), "text": content}
                for part, content in enumerate(text["parts"], start=1)
            ],
        }


class BuildPayload(StepHandler):
    """Build a push message.

    `max_payload_bytes` in the step's `handler_config` (default 4096) is the most that devices take.
    """

    name = "Notifications::StepHandler::BuildPayload"

    def process(self, context: StepContext) -> object:
        """Return the message and its size as JSON in UTF-8."""
        payload = {
            "title": context.input["title"],
            "body": context.input["body"],
            "data": context.input.get("data", {}),
        }
        size_bytes = len(json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode())
        limit_bytes = int(context.config.get("max_payload_bytes", 4096))
        if size_bytes > limit_bytes:
            raise PermanentError(
                f"the message has {size_bytes} bytes, devices take {limit_bytes}; "
                "shorten body or data",
                code="PAYLOAD_TOO_LARGE",
            )
        return {"payload": payload, "size_bytes": size_bytes}


class QueuePush(StepHandler):
    """Address a push message to devices."""

    name = "Notifications::StepHandler::QueuePush"

    def process(self, context: StepContext) -> object:
        """Return the outbox, each device once, and how many there are of each platform."""
        devices = {device["token"]: device["platform"] for device in context.input["devices"]}
        platforms: dict[str, int] = {}
        for platform in devices.values():
            platforms[platform] = platforms.get(platform, 0) + 1
        context.publish("notification.push.sent", {"devices": len(devices)})
        return {
            "platforms": platforms,
            "payload": context.results["build_payload"]["payload"],
            "outbox": [
                {"message_id": message_id(context.idempotency_key, token), "platform": platform}
                for token, platform in devices.items()
            ],
        }


class AssessAlert(StepHandler):
    """Choose the channels of an alert."""

    name = "Notifications::StepHandler::AssessAlert"

    def process(self, context: StepContext) -> object:
        """Return severity and channels; an alert that names no severity is a warning."""
        severity = context.input.get("severity", "warning")
        return {"severity": severity, "channels": list(CHANNELS[severity])}


class EmailAdmins(StepHandler):
    """Write an alert to everybody in `admins` of the step's `handler_config`."""

    name = "Notifications::StepHandler::EmailAdmins"

    def process(self, context: StepContext) -> object:
        """Return the outbox; publish `notification.email.sent` once per message."""
        severity = context.results["assess_alert"]["severity"]
        values = {"details": "", **context.input, "severity": severity}
        message = render("alert", values)
        outbox = []
        for admin in map(parse_address, context.config["admins"]):
            sent_id = message_id(context.idempotency_key, admin)
            context.publish("notification.email.sent", {"message_id": sent_id, "to": admin})
            outbox.append({"message_id": sent_id, "to": admin, "subject": message.subject})
        return {"body": message.body, "outbox": outbox}


class TextAdmins(StepHandler):
    """Text whoever is `on_call` in the step's `handler_config`, if the alert asks for it."""

    name = "Notifications::StepHandler::TextAdmins"

    def process(self, context: StepContext) -> object:
        """Return the outbox, empty where email is enough; publish `notification.sms.sent`."""
        if "sms" not in context.results["assess_alert"]["channels"]:
            return {"outbox": []}
        number = parse_number(context.config["on_call"])
        text = split_sms(f"{context.input['service']}: {context.input['summary']}").parts[0]
        sent_id = message_id(context.idempotency_key, number)
        context.publish("notification.sms.sent", {"message_id": sent_id, "to": number})
        return {"outbox": [{"message_id": sent_id, "to": number, "text": text}]}


class RecordAlert(StepHandler):
    """Record whom an alert went to."""

    name = "Notifications::StepHandler::RecordAlert"

    def process(self, context: StepContext) -> object:
        """Return service, severity and the recipients by channel."""
        return {
            "service": context.input["service"],
            "severity": context.results["assess_alert"]["severity"],
            "emailed": [sent["to"] for sent in context.results["email_admins"]["outbox"]],
            "texted": [sent["to"] for sent in context.results["text_admins"]["outbox"]],
        }
