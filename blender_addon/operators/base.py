"""What operators have in common."""

from __future__ import annotations

from typing import Any

from ..core.errors import AddonError


class Operator:
    """Runs `run`; an AddonError becomes one line for the user, and the operator is cancelled."""

    def execute(self, context: Any) -> set[str]:
        """Run, as Blender asks."""
        try:
            done: str | None = self.run(context)
        except AddonError as error:
            self.report({"ERROR"}, str(error))  # type: ignore[attr-defined]
            return {"CANCELLED"}
        if done:
            self.report({"INFO"}, done)  # type: ignore[attr-defined]
        return {"FINISHED"}

    def run(self, context: Any) -> str | None:
        """Do the work; return what was done, for people. Raises AddonError."""
        raise NotImplementedError


def active_character(context: Any) -> Any:
    """Return the character that is chosen in the list; None: there is none."""
    live = context.scene.rdr_live
    index = live.character_index
    return live.characters[index] if 0 <= index < len(live.characters) else None


def active_take(context: Any) -> Any:
    """Return the take that is chosen in the list; None: there is none."""
    live = context.scene.rdr_live
    return live.takes[live.take_index] if 0 <= live.take_index < len(live.takes) else None


class NeedsCharacter(Operator):
    """Works on the chosen character."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say whether there is one."""
        if active_character(context) is None:
            cls.poll_message_set("Add a character first")  # type: ignore[attr-defined]
            return False
        return True


class NeedsTake(Operator):
    """Works on the chosen take."""

    @classmethod
    def poll(cls, context: Any) -> bool:
        """Say whether there is one."""
        if active_take(context) is None:
            cls.poll_message_set("Record or import a take first")  # type: ignore[attr-defined]
            return False
        return True
