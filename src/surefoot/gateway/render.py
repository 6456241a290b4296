"""Messages to tokens, so that what was sampled is never tokenised again.

    opening(messages)    [system, user, ... "assistant:"]            the first prompt, whole
    following(messages)  ["\\n", tool result, ... "assistant:"]      what comes after a sampled
                                                                    message and its end token

`following` asks the chat template to write the new messages behind a stand-in for the policy's
message and keeps what stands after it. So the policy's own words never pass through the tokenizer
again, whatever the template does to old messages (strips, trims, drops reasoning).

Not here: reading calls out of text (formats/), and keeping the record (turn.py).
"""

import re
from collections.abc import Callable, Sequence

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
        return self._encode(self._fitting(messages), self._prompt)

    def following(self, messages: Sequence[Message], ended_by: int) -> list[int]:
        """Tokens of `messages` behind a sampled message that ended with the token `ended_by`."""

        def behind(fitting: Sequence[Message]) -> str:
            user = Message(role="user", content="first words")
            said = Message(role="assistant", content=_STAND_IN)
            _, _, text = self._prompt([user, said, *fitting]).partition(_STAND_IN)
            for end in self.tokenizer.special_texts():
                if text.startswith(end) and self.tokenizer.encode(end, special=True) == [ended_by]:
                    return text[len(end) :]
            return text

        return self._encode(self._fitting(messages), behind)

    def _prompt(self, messages: Sequence[Message]) -> str:
        return self.tokenizer.template(messages, generate=True)

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

    def _encode(
        self, messages: Sequence[Message], write: Callable[[Sequence[Message]], str]
    ) -> list[int]:
        """Encodes what `write` makes of `messages`.

        A content that spells a special token is written as a placeholder first and put into its
        place as ordinary text, so it can forge nothing, however often it spells the token and
        whatever the template would do to it (such a content is not trimmed).
        """
        specials = self.tokenizer.special_texts()
        mark = "kept words"
        while any(mark in message.content for message in messages):
            mark += " apart"
        shown = [
            message.model_copy(update={"content": f"{mark}{number}{mark}"})
            if any(special in message.content for special in specials)
            else message
            for number, message in enumerate(messages)
        ]
        pieces = re.split(f"{mark}(\\d+){mark}", write(shown))  # text, number, text, number, text
        tokens: list[int] = []
        for at, piece in enumerate(pieces):
            if at % 2:
                tokens += self.tokenizer.encode(messages[int(piece)].content, special=False)
            else:
                tokens += self.tokenizer.encode(piece, special=True)
        return tokens
