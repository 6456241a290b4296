"""Messages to tokens, so that what was sampled is never tokenised again.

    opening(messages)    [system, user, ... "assistant:"]            the first prompt, whole
    following(messages)  ["\\n", tool result, ... "assistant:"]      what comes after a sampled
                                                                    message and its end token

`following` asks the chat template to write the new messages behind a stand-in for the policy's
message and keeps what stands after it. So the policy's own words never pass through the tokenizer
again, whatever the template does to old messages (strips, trims, drops reasoning).

Not here: reading calls out of text (formats/), and keeping the record (turn.py).
"""

from collections.abc import Sequence

from surefoot.joints import Tokenizer
from surefoot.records import Message
from surefoot.records.errors import PolicyError

_STAND_IN = "stand in for what was said"


class Renderer:
    """Renders for one policy. Roles that its template does not know are written as the nearest one
    that it does: `tool` as `user`, `system` in front of the first `user` message.

    Raises:
        PolicyError: the template cannot write a plain conversation of user and assistant.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        user = Message(role="user", content="first words")
        said = Message(role="assistant", content=_STAND_IN)
        if not self._writes([user, said, user]):
            raise PolicyError(
                "the policy's chat template cannot write a conversation of user and assistant; "
                "give the directory a template that can"
            )
        self._has_system = self._writes([Message(role="system", content="be brief"), user])
        self._has_tool = self._writes([user, said, Message(role="tool", content="a result")])

    def opening(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of the whole first prompt."""
        fitting = self._fitting(messages)
        return self._encode(self.tokenizer.template(fitting, generate=True), fitting)

    def following(self, messages: Sequence[Message], ended_by: int) -> list[int]:
        """Tokens of `messages` behind a sampled message that ended with the token `ended_by`."""
        fitting = self._fitting(messages)
        before = [
            Message(role="user", content="first words"),
            Message(role="assistant", content=_STAND_IN),
        ]
        text = self.tokenizer.template([*before, *fitting], generate=True)
        text = text[text.index(_STAND_IN) + len(_STAND_IN) :]
        for end in self.tokenizer.special_texts():
            if text.startswith(end) and self.tokenizer.encode(end, special=True) == [ended_by]:
                text = text[len(end) :]
                break
        return self._encode(text, fitting)

    def _writes(self, messages: Sequence[Message]) -> bool:
        """True where the template writes every message's content."""
        try:
            text = self.tokenizer.template(messages, generate=True)
        except ValueError:
            return False
        return all(message.content in text for message in messages)

    def _fitting(self, messages: Sequence[Message]) -> list[Message]:
        fitting: list[Message] = []
        system = ""
        for message in messages:
            if message.role == "system" and not self._has_system:
                system += message.content + "\n\n"
            elif message.role == "tool" and not self._has_tool:
                fitting.append(Message(role="user", content=message.content))
            elif message.role == "user" and system:
                fitting.append(Message(role="user", content=system + message.content))
                system = ""
            else:
                fitting.append(message)
        return fitting

    def _encode(self, text: str, messages: Sequence[Message]) -> list[int]:
        """Encodes a rendered text; contents that spell a special token stay ordinary text."""
        specials = self.tokenizer.special_texts()
        forged = [m.content for m in messages if any(s in m.content for s in specials)]
        tokens: list[int] = []
        for content in forged:
            before, found, text = text.partition(content)
            if not found:  # the template changed it (trimmed, say): nothing of it may pass
                raise ValueError(
                    "a message that spells a special token was changed by the template"
                )
            tokens += self.tokenizer.encode(before, special=True)
            tokens += self.tokenizer.encode(content, special=False)
        return tokens + self.tokenizer.encode(text, special=True)
