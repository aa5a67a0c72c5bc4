#!/usr/bin/env python3
"""Checks compose.yaml, the Dockerfiles and prometheus.yml. With --settings SERVICE it
prints that service's LIVEDUB_ settings, one KEY=value a line."""
import os
import re
import sys

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = {"gateway", "node1", "node2", "migrate"}
WANTED = OURS | {"redis", "postgres", "s3", "bucket", "prometheus", "grafana"}
JOBS = {"migrate", "bucket"}
faults = []


def want(ok, fault):
    if not ok:
        faults.append(fault)


def read(name):
    with open(os.path.join(HERE, name), encoding="utf-8") as f:
        return f.read()


def expand(text, env):
    """Expands variables as compose does, as far as they are used here."""
    def value(m):
        name, op, default = m[1], m[2], m[3]
        if env.get(name):
            return env[name]
        if op == ":?":
            raise SystemExit(f"compose.yaml: {name} is not in env.example")
        return default or ""
    return re.sub(r"\$\{([A-Z0-9_]+)(?:(:[-?])([^}]*))?\}", value, text)


def example():
    """The variables of env.example, with a value for those without one."""
    out = {}
    for line in read("env.example").splitlines():
        m = re.fullmatch(r"([A-Z0-9_]+)=(.*)", line)
        if m:
            out[m[1]] = m[2] or {"LIVEDUB_PUBLIC_IP": "192.0.2.1", "LIVEDUB_HOSTS": ""}.get(m[1], "x" * 48)
    return out


def pinned(image, where):
    name, _, tag = image.rpartition(":")
    want(name and "/" not in tag and tag not in ("", "latest"), f"{where}: image {image} has no tag, or latest")


def check_compose(compose):
    services = compose["services"]
    want(set(services) == WANTED, f"services are {sorted(services)}, want {sorted(WANTED)}")
    published = []
    for name, s in services.items():
        pinned(s["image"], name)
        limits = s.get("deploy", {}).get("resources", {}).get("limits", {})
        want({"cpus", "memory"} <= set(limits) and s.get("pids_limit"), f"{name}: no limits of cpus, memory and pids")
        want("no-new-privileges:true" in s.get("security_opt", []), f"{name}: may gain privileges")
        want(not s.get("privileged") and s.get("network_mode") != "host", f"{name}: is privileged, or in the host's network")
        want("healthcheck" in s or name in JOBS, f"{name}: no healthcheck")
        want(s.get("restart", "").startswith("on-failure" if name in JOBS else "unless-stopped"), f"{name}: restart is {s.get('restart')}")
        for port in s.get("ports", []):
            published.append(port)
            m = re.fullmatch(r"(?:(127\.0\.0\.1|\$\{LIVEDUB_BIND:-127\.0\.0\.1\}):)?(\d+):(\d+)/(udp|tcp)", port)
            want(m, f"{name}: port {port}: want [ADDRESS:]HOST:CONTAINER/PROTOCOL")
            if m and not m[1]:  # open to the network
                want(name in ("node1", "node2") and m[2] == m[3] == s["environment"]["LIVEDUB_SERVE_MEDIA_PORT"], f"{name}: port {port} is open to the network, and no media port")
        for volume in s.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                want(volume.endswith(":ro"), f"{name}: {volume} may be written to")
                want(os.path.exists(os.path.join(HERE, source)), f"{name}: there is no {source}")
            else:
                want(source in compose["volumes"], f"{name}: volume {source} is not declared")
        for dependency in s.get("depends_on", {}):
            want(dependency in services, f"{name}: depends on {dependency}, which is not there")
        if name in OURS:
            want(s.get("read_only") is True and s.get("cap_drop") == ["ALL"], f"{name}: writes to its root, or has capabilities")
            want(not s.get("user"), f"{name}: the user is the image's")
    want(len(published) == len(set(published)), "a port is published twice")
    want({"8443:8443/udp", "8443:8443/tcp", "8444:8444/udp", "8444:8444/tcp"} <= set(published), "a media port is not published by UDP and TCP")
    want(compose["networks"]["back"].get("internal") is True, "the network of the databases leads out")
    for name in ("redis", "postgres", "s3", "prometheus"):
        want(services[name]["networks"] == ["back"] and not services[name].get("ports"), f"{name}: is reached from outside")
    grace = services["node1"]["stop_grace_period"]
    want(grace == "11m", f"stop_grace_period is {grace}: it must be above serve.drain, 10m")
    want(set(services["node1"]["depends_on"]) == {"redis", "migrate", "bucket"}, "a node starts before its tables and its bucket are there")


def check_dockerfile(name):
    lines, said = {}, []
    for line in re.sub(r"\\\n", " ", read(name)).splitlines():
        m = re.match(r"FROM (\S+)(?: AS (\S+))?", line)
        if m:
            if m[1] not in lines:
                pinned(m[1], name)
            said = lines[m[2]] = list(lines.get(m[1], []))  # what its base stage says
        said.append(line)
    for stage in ("node",) + (("gateway",) if name == "Dockerfile" else ()):
        said = lines.get(stage, [])
        users = [l.split()[1] for l in said if l.startswith("USER ")]
        want(users and users[-1] == "10001:10001", f"{name}: stage {stage} runs as {users or 'root'}")
        want(any(l.startswith("HEALTHCHECK ") and "/healthz" in l for l in said), f"{name}: stage {stage} has no HEALTHCHECK on /healthz")
        want(any(l.startswith("COPY --from=build") for l in said) and not any(re.match(r"RUN .*make build", l) for l in said), f"{name}: stage {stage} is not apart from the build")
    ignored = read(name + ".dockerignore").splitlines()
    want(ignored[0] == "**", f"{name}.dockerignore: does not begin with **: secrets and .git would be sent to the builder")


def check_prometheus(compose, config):
    for job in config["scrape_configs"]:
        for target in job["static_configs"][0]["targets"]:
            host, _, port = target.partition(":")
            s = compose["services"].get(host)
            want(s and s["environment"]["LIVEDUB_ADMIN_LISTEN"] == ":" + port, f"prometheus.yml: nothing serves metrics at {target}")
            # The server answers to the names that it knows.
            want(s and host in s["environment"]["LIVEDUB_SERVE_HOSTS"].split(), f"prometheus.yml: {host} does not answer to that name")
    want({j["job_name"] for j in config["scrape_configs"]} == {"livedub", "livedub-gateway"}, "prometheus.yml: the alert rules want jobs livedub and livedub-gateway")


def main():
    compose = yaml.safe_load(read("compose.yaml"))
    if sys.argv[1:2] == ["--settings"]:
        env = example()
        for key, value in compose["services"][sys.argv[2]]["environment"].items():
            print(f"{key}={expand(str(value), env)}")
        return 0
    expand(read("compose.yaml").replace("$$", ""), example())
    check_compose(compose)
    for name in ("Dockerfile", "Dockerfile.cuda"):
        check_dockerfile(name)
    check_prometheus(compose, yaml.safe_load(read("prometheus.yml")))
    cuda = yaml.safe_load(read("compose.cuda.yaml"))["services"]
    want(set(cuda) == {"node1", "node2"}, f"compose.cuda.yaml changes {sorted(cuda)}")
    for fault in faults:
        print("deploy/docker: " + fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
