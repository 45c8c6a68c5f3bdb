"""The Dockerfile: its commands are run, and what they make is run (see image.py)."""

import re
import tomllib

import pytest

import image
from conftest import REPO

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def stages() -> list[image.Stage]:
    return image.stages(REPO)


def test_there_are_two_stages_of_one_debian(stages):
    build, final = stages
    release = re.fullmatch(r"rust:([\d.]+)-slim-(\w+)", build.base)
    # The toolchain the manifest asks for; the C library of the build is that of the run.
    manifest = tomllib.loads((REPO / "Cargo.toml").read_text())
    assert release[1] == manifest["package"]["rust-version"]
    assert final.base == f"debian:{release[2]}-slim"


def test_sources_come_after_the_dependencies_are_built(stages):
    steps = stages[0].instructions
    first_build = next(place for place, (name, value) in enumerate(steps)
                       if name == "RUN" and "cargo build" in value)
    before = " ".join(value for name, value in steps[:first_build] if name == "COPY")
    assert "src" not in before.split()
    assert "Cargo.lock" in before


def test_the_user_is_a_number_and_not_root(stages):
    user, group = stages[-1].last("USER").split(":")
    assert int(user) > 0 and int(group) > 0


def test_the_context_holds_what_is_copied_and_no_more():
    context = image.Context(REPO)
    for file in ("Cargo.toml", "src/main.rs", "docs/deploy/docker/redistill.toml"):
        assert context.sends(file), file
    for file in ("docs/deployment.md", "target/release/redistill", ".git/config",
                 "docs/deploy/redis_password.txt"):
        assert not context.sends(file), file


def test_the_configuration_in_the_image_is_valid(built_image):
    done = built_image.run(["redistill", "check"])
    assert done.returncode == 0, done.stdout
    assert built_image.environment["REDISTILL_CONFIG"] in done.stdout


def test_the_user_cannot_write_what_it_runs(built_image):
    for path in (built_image.environment["REDISTILL_CONFIG"], "/usr/local/bin/redistill"):
        assert built_image.run(["test", "-r", path]).returncode == 0
        assert built_image.run(["test", "-w", path]).returncode == 1


def test_the_health_check_fails_without_a_server(built_image):
    assert built_image.run(built_image.health_command).returncode == 1


def test_the_container_serves_is_healthy_and_stops(built_image, tmp_path):
    env = {"REDIS_PASSWORD": "open"}
    with built_image.container(tmp_path / "log", env) as running:
        auth = ["-a", "open", "--no-auth-warning"]
        assert running.cli(*auth, "set", "key", "value") == "OK\n"
        assert running.cli("-h", image.OTHER_ADDRESS, *auth, "get", "key") == "value\n"
        port = running.cli(*auth, "config", "get", "server.health_check_port").split()[1]
        assert built_image.ports == [6379, int(port)]
        assert running.stop(timeout_secs=30) == 0
        assert built_image.run(built_image.health_command).returncode == 1


def test_without_a_password_only_loopback_is_served(built_image, tmp_path):
    with built_image.container(tmp_path / "log") as running:
        assert running.cli("ping") == "PONG\n"
        assert "DENIED" in running.cli("-h", image.OTHER_ADDRESS, "ping")


def test_a_mount_that_hides_the_configuration_is_an_error(built_image, tmp_path):
    config = built_image.rootfs.host_path(built_image.environment["REDISTILL_CONFIG"])
    text = config.read_text()
    config.unlink()
    try:
        done = built_image.run(built_image.entrypoint)
        assert done.returncode == 1
        assert built_image.environment["REDISTILL_CONFIG"] in done.stdout
    finally:
        config.write_text(text)
