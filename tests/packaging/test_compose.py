"""The Compose file: valid, and consistent with the image it builds."""

import importlib.resources
import json
import os
import tomllib

import jsonschema
import pytest
import yaml

import image
from conftest import REPO

FILE = REPO / "docs/deploy/docker-compose.yml"


@pytest.fixture
def compose() -> dict:
    return yaml.safe_load(FILE.read_text())


@pytest.fixture
def service(compose) -> dict:
    return compose["services"]["redistill"]


@pytest.fixture
def schema() -> dict:
    vendored = importlib.resources.files("check_jsonschema.builtin_schemas.vendor")
    return json.loads((vendored / "compose-spec.json").read_text())


def test_it_matches_the_compose_specification(compose, schema):
    jsonschema.validate(compose, schema)


def test_the_schema_notices_a_misspelt_key(compose, schema):
    compose["services"]["redistill"]["stop_grace"] = "1s"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(compose, schema)


def test_it_builds_from_the_top_of_the_repository(service):
    context = (FILE.parent / service["build"]["context"]).resolve()
    assert context == REPO and (context / "Dockerfile").is_file()
    version = tomllib.loads((REPO / "Cargo.toml").read_text())["package"]["version"]
    assert service["image"] == f"redistill:{version}"


def test_the_port_is_published_on_loopback_only(service):
    host, _, inside = service["ports"][0].rsplit(":", 2)
    assert host == "127.0.0.1" and len(service["ports"]) == 1
    assert inside in image.stages(REPO)[-1].last("EXPOSE").split()


def test_the_password_is_where_the_server_looks(compose, service):
    (secret,) = service["secrets"]
    assert service["environment"] == {"REDIS_PASSWORD_FILE": f"/run/secrets/{secret}"}
    file = compose["secrets"][secret]["file"].removeprefix("./")
    # Named in the instructions, and never committed.
    assert f"docs/deploy/{file}" in (REPO / "docs/deployment.md").read_text()
    assert f"/{file}" in (FILE.parent / ".gitignore").read_text().splitlines()


def test_the_configuration_is_mounted_over_the_images(service):
    source, target, mode = service["volumes"][0].split(":")
    config = image.stages(REPO)[-1].environment()["REDISTILL_CONFIG"]
    assert (FILE.parent / source / os.path.relpath(config, target)).is_file()
    assert mode == "ro"


def test_it_is_given_time_to_drain(service, start):
    text = (REPO / "docs/deploy/docker/redistill.toml").read_text()
    grace = start(config=text).client().config_get("server.shutdown_grace_period_secs")
    assert int(service["stop_grace_period"].removesuffix("s")) > int(grace.popitem()[1])


def test_it_has_no_privileges(service):
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
