"""The Kubernetes manifests: valid, consistent with each other, and true of the server."""

import copy
import re
import shlex
import tomllib

import kubernetes_validate
import pytest
import yaml

import image
from conftest import REPO
from server import free_port, http_status, wait_until

FOLDER = REPO / "docs/deploy/kubernetes"
VERSIONS = ["1.29", kubernetes_validate.latest_version()]
MANIFESTS = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


def load(name: str) -> dict:
    (document,) = yaml.safe_load_all((FOLDER / name).read_text())
    return document


@pytest.fixture
def deployment() -> dict:
    return load("deployment.yaml")


@pytest.fixture
def pod(deployment) -> dict:
    return deployment["spec"]["template"]["spec"]


@pytest.fixture
def container(pod) -> dict:
    (container,) = pod["containers"]
    return container


@pytest.fixture
def config_text() -> str:
    return load("configmap.yaml")["data"]["redistill.toml"]


@pytest.fixture
def final_stage() -> image.Stage:
    return image.stages(REPO)[-1]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_it_matches_the_schema(name, version):
    kubernetes_validate.validate(load(name), version, strict=True)


def test_the_schema_notices_a_misspelt_key(deployment):
    broken = copy.deepcopy(deployment)
    broken["spec"]["template"]["spec"]["containers"][0]["readynessProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(broken, VERSIONS[-1], strict=True)


def test_kustomize_applies_every_manifest():
    kustomization = load("kustomization.yaml")
    assert kustomization["apiVersion"] == "kustomize.config.k8s.io/v1beta1"
    assert kustomization["kind"] == "Kustomization"
    assert set(kustomization) == {"apiVersion", "kind", "resources"}
    assert sorted(kustomization["resources"]) == MANIFESTS
    assert MANIFESTS == ["configmap.yaml", "deployment.yaml", "pdb.yaml", "secret.yaml",
                         "service.yaml"]


def test_all_select_the_same_pods(deployment):
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert load("pdb.yaml")["spec"]["selector"]["matchLabels"] == labels
    assert load("service.yaml")["spec"]["selector"] == labels


def test_the_ports_are_the_same_everywhere(container, config_text, final_stage):
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    server = tomllib.loads(config_text)["server"]
    assert ports == {"redis": server["port"], "health": server["health_check_port"]}
    assert sorted(ports.values()) == sorted(int(p) for p in final_stage.last("EXPOSE").split())
    (service_port,) = load("service.yaml")["spec"]["ports"]
    assert ports[service_port["targetPort"]] == server["port"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert ports[container[probe]["httpGet"]["port"]] == server["health_check_port"]


def test_the_mounts_are_where_the_server_looks(pod, container, final_stage):
    mounts = {mount["name"]: mount for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert mounts.keys() == volumes.keys()
    assert volumes["config"]["configMap"]["name"] == load("configmap.yaml")["metadata"]["name"]
    (file,) = load("configmap.yaml")["data"]
    wanted = final_stage.environment()["REDISTILL_CONFIG"]
    assert f"{mounts['config']['mountPath']}/{file}" == wanted
    assert volumes["password"]["secret"]["secretName"] == load("secret.yaml")["metadata"]["name"]
    (key,) = load("secret.yaml")["stringData"]
    (variable,) = container["env"]
    assert variable == {"name": "REDIS_PASSWORD_FILE",
                        "value": f"{mounts['password']['mountPath']}/{key}"}


def test_the_grace_period_outlasts_pre_stop_and_drain(pod, container, config_text):
    program, pause = container["lifecycle"]["preStop"]["exec"]["command"]
    assert program == "sleep"
    drain = tomllib.loads(config_text)["server"]["shutdown_grace_period_secs"]
    assert pod["terminationGracePeriodSeconds"] > int(pause) + drain


def test_the_pod_has_no_privileges(pod, container, final_stage):
    user, group = (int(part) for part in final_stage.last("USER").split(":"))
    context = pod["securityContext"]
    assert context["runAsNonRoot"] is True
    assert (context["runAsUser"], context["runAsGroup"]) == (user, group)
    # The Secret's files belong to root and this group; 0440 lets the group in.
    assert context["fsGroup"] == group
    assert pod["volumes"][1]["secret"]["defaultMode"] == 0o440
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]}}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False


def test_service_links_are_ignored(start):
    """What Kubernetes sets for Services named redistill and redis, were `enableServiceLinks` on."""
    links = {
        f"{service}_{name}": value for service in ("REDISTILL", "REDIS") for name, value in (
            ("PORT", "tcp://10.96.0.7:6379"), ("SERVICE_HOST", "10.96.0.7"),
            ("SERVICE_PORT", "6379"), ("SERVICE_PORT_REDIS", "6379"),
            ("PORT_6379_TCP", "tcp://10.96.0.7:6379"), ("PORT_6379_TCP_PROTO", "tcp"),
            ("PORT_6379_TCP_PORT", "6379"), ("PORT_6379_TCP_ADDR", "10.96.0.7"))}
    port = free_port()
    server = start(config=f"[server]\nport = {port}\n", env=links)
    server.port = port
    assert server.client(protocol=2).ping()


def test_the_probes_pass_on_a_server_with_this_configuration(container, config_text, start):
    server = start(config=config_text)
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        path = container[probe]["httpGet"]["path"]
        assert http_status(server.health_url(path))[0] == 200
    assert server.client().config_get("memory.eviction_policy").popitem()[1] == "allkeys-lru"


def test_the_image_is_the_version_that_is_built(container):
    version = tomllib.loads((REPO / "Cargo.toml").read_text())["package"]["version"]
    assert container["image"] == f"redistill:{version}"


@pytest.mark.timeout(1200)
def test_the_pod_runs(built_image, container, config_text, tmp_path):
    """The image with the ConfigMap and the Secret where the Deployment mounts them."""
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    password = load("secret.yaml")["stringData"]["password"]
    files = {f"{mounts['config']}/redistill.toml": config_text,
             f"{mounts['password']}/password": password}
    env = {variable["name"]: variable["value"] for variable in container["env"]}
    with built_image.with_files(files), built_image.container(tmp_path / "log", env) as running:
        assert "NOAUTH" in running.cli("ping")
        assert running.cli("-a", password, "--no-auth-warning", "ping") == "PONG\n"
        sleep = container["lifecycle"]["preStop"]["exec"]["command"]
        assert running.exec([sleep[0], "0"]).returncode == 0

        # What the kubelet does after `kubectl apply`, and then the guide's command.
        config = built_image.rootfs.host_path(f"{mounts['config']}/redistill.toml")
        config.write_text(config_text.replace("allkeys-lru", "allkeys-lfu"))
        built_image.rootfs.host_path(f"{mounts['password']}/password").write_text("another")
        assert (reload := running.exec(reload_command())).returncode == 0, reload.stdout
        auth = ["-a", "another", "--no-auth-warning"]
        wait_until(lambda: running.cli(*auth, "ping") == "PONG\n", "the new password is in force")
        assert running.cli(*auth, "config", "get", "maxmemory-policy").split()[1] == "allkeys-lfu"
        assert "WRONGPASS" in running.cli("-a", password, "--no-auth-warning", "ping")

        config.write_text("[memory]\nmax_memory = 'much'\n")
        assert (refusal := running.exec(reload_command())).returncode == 1, refusal.stdout
        assert "memory.max_memory" in refusal.stdout


def reload_command() -> list[str]:
    """`kubectl exec deployment/redistill -- COMMAND`, as the guide has it."""
    text = (REPO / "docs/deployment.md").read_text()
    (command,) = re.findall(r"kubectl exec deployment/redistill -- (sh -c '.*?')", text)
    return shlex.split(command)
