"""Documents that would lie otherwise: made from the code, or held to it."""

import re
from pathlib import Path

from config.settings import PREFIX, Settings
from workers.domain.outcomes import DropReason, QuarantineReason
from workers.pipeline import PATH, next_stage

REPOSITORY = Path(__file__).parent.parent.parent
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def diagram() -> str:
    """Return the README's picture of the path."""
    lines = [" a source is due"]
    for stage in PATH:
        left = stage.leaves or "change log, API, stream"
        lines += [f"   │  {stage.name:<10} {stage.task:<19} worker {stage.service}", "   ▼", f" {left}"]
    return "\n".join(lines)


def settings_table() -> str:
    """Return the table of docs/settings.md."""
    rows = ["| variable | default | what it is |", "|---|---|---|"]
    for name, field in Settings.model_fields.items():
        default = field.default
        shown = "" if default is None else ", ".join(map(str, default)) if isinstance(default, list) else default
        if isinstance(default, Path):
            shown = default.relative_to(REPOSITORY) if default.is_absolute() else default
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown if shown != '' else '-'} | {field.description} |")
    return "\n".join(rows)


def test_the_readme_shows_the_path_as_it_is() -> None:
    shown = re.search(r"<!-- path.*?-->\n```\n(.*?)\n```", README, re.DOTALL)
    assert shown
    assert shown[1] == diagram()


def test_the_path_is_one_chain() -> None:
    assert [stage.name for stage in PATH][1:] == [following.name for stage in PATH if (following := next_stage(stage))]


def test_every_setting_is_documented_as_it_is() -> None:
    text = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
    assert settings_table() in text, "docs/settings.md is not as the settings are:\n" + settings_table()


def test_every_reason_is_in_the_glossary() -> None:
    text = (REPOSITORY / "docs" / "formats.md").read_text(encoding="utf-8")
    for reason in (*DropReason, *QuarantineReason):
        assert re.search(rf"\b{reason}\b", text), reason


def test_every_local_link_leads_somewhere() -> None:
    for document in (REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for document in (REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")):
        named = set(re.findall(r"(?:^|`)make ([a-z]+)\b", document.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, f"{document.name}: {named - targets}"
