#!/usr/bin/env bash
# In the image's build, as root: what an instance will do is done once, on the GPU. Any
# failure ends the build.
set -euo pipefail
say() { echo "smoke: $*"; }
fail() { echo "smoke: $*" >&2; journalctl --no-pager -n 50 -u livedub -u livedub-boot >&2 || true; exit 1; }

say "the driver"
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || fail "nvidia-smi sees no GPU"

say "a container sees the GPU"
docker run --rm --gpus all nvidia/cuda:13.0.2-base-ubuntu24.04 nvidia-smi -L | grep -q '^GPU 0' || fail "a container sees no GPU"
docker image rm nvidia/cuda:13.0.2-base-ubuntu24.04 >/dev/null

say "nets on the GPU, by the same library as the server's"
nets=$(mktemp -d)
LD_LIBRARY_PATH=/opt/livedub/onnx/runtime timeout 600 /opt/livedub/bin/gpucheck --library /opt/livedub/onnx/runtime/libonnxruntime.so --nets-dir "$nets" || fail "gpucheck failed"
rm -rf "$nets"

say "every library is there"
for program in /opt/livedub/bin/*; do
	! ldd "$program" 2>/dev/null | grep 'not found' || fail "$program lacks a library"
done

say "units"
systemd-analyze verify --man=no livedub.service livedub-gateway.service livedub-boot.service livedub-turn.service livedub-refresh.service livedub-refresh.timer || fail "a unit is wrong"

say "a node, started as on any instance: this one has no user data, and so no cluster"
mkdir -p /run/systemd/system/livedub.service.d
printf '[Service]\nEnvironmentFile=/run/livedub-smoke.env\n' >/run/systemd/system/livedub.service.d/smoke.conf
printf 'LIVEDUB_SERVE_LISTEN=127.0.0.1:8080\nLIVEDUB_SERVE_STORE=none\n' >/run/livedub-smoke.env
systemctl daemon-reload
systemctl start livedub-boot.service || fail "livedub-boot.service does not start"
systemctl start livedub.service livedub-gateway.service livedub-turn.service || fail "livedub.service does not start"
! systemctl is-active --quiet livedub-gateway.service || fail "a gateway runs on a node"
! systemctl is-active --quiet livedub-turn.service coturn.service || fail "a TURN server runs on a node"
for ((i = 0; i < 120; i++)); do
	[[ $(curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8080/readyz) != 200 ]] || break
	sleep 1
done
curl -fsS http://127.0.0.1:8080/healthz || fail "the server does not answer"
curl -fsS http://127.0.0.1:8080/readyz || fail "the server is not ready after two minutes"
curl -fsS http://127.0.0.1:8080/metrics | grep -E '^livedub_gpus [1-9]' || fail "the server sees no GPU from within its unit"
curl -fsS -X POST -H 'Content-Type: application/json' -d '{"from":"en","to":["es"]}' http://127.0.0.1:8080/v1/sessions | grep -q '"id"' || fail "no session can be made"
systemctl stop livedub.service
[[ $(systemctl show -P Result livedub.service) == success ]] || fail "livedub.service did not end well"

systemctl stop livedub-boot.service
rm -rf /run/systemd/system/livedub.service.d /run/livedub-smoke.env /var/lib/private/livedub
systemctl daemon-reload

say "the CloudWatch agent takes its configuration"
/opt/aws/amazon-cloudwatch-agent/bin/config-translator --input /opt/livedub/share/cloudwatch-agent.json --output /tmp/agent.toml --mode ec2 --os linux --multi-config default ||
	fail "the CloudWatch agent refuses files/cloudwatch-agent.json"
rm -f /tmp/agent.toml
say "all well"
