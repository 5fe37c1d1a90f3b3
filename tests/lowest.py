"""The lowest versions that setup.cfg allows, as constraints for pip: `make lowest` tests with them."""
# ruff: noqa: T201  # pip reads what it prints

from configparser import ConfigParser
from pathlib import Path

ROOT = Path(__file__).parent.parent


def lowest() -> list[str]:
    """Each requirement of the installed package, its lower bound as the one version; every one must have a bound."""
    config = ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    needs = config["options"]["install_requires"].split()
    pairs = [each.partition(",")[0].partition(">=") for each in needs]
    if not all(version for _, _, version in pairs):
        raise ValueError(f"setup.cfg must name each requirement as NAME>=LOWEST or NAME>=LOWEST,<NEXT, not {needs}")
    return [f"{name}=={version}" for name, _, version in pairs]


if __name__ == "__main__":
    print("\n".join(lowest()))
