"""The folder that holds one shop: settings, campaigns, templates, personas, and the engine's own data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from campaigns.domain.errors import UnusableEnvironment, WrongUsage

CONFIG_NAME = "rekindle.toml"
STATE_NAME = ".rekindle"


@dataclass(frozen=True, slots=True)
class Workspace:
    """Where things lie in a workspace. `root` is absolute; nothing is created by asking for a path."""

    root: Path

    @classmethod
    def at(cls, folder: Path | str) -> Workspace:
        """The workspace in `folder`, which must hold a rekindle.toml. Raises WrongUsage where it does not."""
        workspace = cls(Path(folder).expanduser().resolve())
        if not workspace.exists:
            fix = f"make one with: rekindle init {folder}"
            raise WrongUsage(f"no {CONFIG_NAME} here, so this is not a workspace", where=str(folder), fix=fix)
        return workspace

    @property
    def exists(self) -> bool:
        return self.config_file.is_file()

    @property
    def config_file(self) -> Path:
        return self.root / CONFIG_NAME

    @property
    def campaigns(self) -> Path:
        return self.root / "campaigns"

    @property
    def templates(self) -> Path:
        return self.root / "templates"

    @property
    def personas(self) -> Path:
        return self.root / "personas"

    @property
    def rejects(self) -> Path:
        """Where imports put the rows they could not use."""
        return self.root / "rejects"

    @property
    def state(self) -> Path:
        """The engine's own data; only the owner may look into it."""
        return self.root / STATE_NAME

    @property
    def artifacts(self) -> Path:
        return self.state / "artifacts"

    @property
    def mail(self) -> Path:
        """The Maildir of the local catcher."""
        return self.state / "mail"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    def make_state(self) -> Path:
        """Creates the engine's data folder, closed to other accounts, and returns it."""
        try:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.state.chmod(self.state.stat().st_mode & 0o711)  # passing through may be lent, looking in never
        except OSError as error:
            fix = "choose a workspace you may write to"
            raise UnusableEnvironment(f"cannot write here: {error.strerror}", where=str(self.state), fix=fix) from error
        return self.state
