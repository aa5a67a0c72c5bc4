#!/usr/bin/env bash
# In the image's build, as root, after the restart: livedub is built on the system that
# it will run on, and what only the build needs is removed.
#
#   MODELS  weights that the image carries
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
say() { echo "livedub: $*"; }
cd /tmp/livedub

apt-get update -q
apt-mark showmanual | sort >/tmp/manual
apt-get install -q -y --no-install-recommends make git golang-go python3 python3-pip xz-utils
# Ubuntu's Go gets the one that go.mod names, checked by the checksum database.
export GOTOOLCHAIN=auto GOPATH=/tmp/go GOCACHE=/tmp/go-cache HOME=/root
revision=$(cat /tmp/livedub.revision)
make build REVISION="$revision"
make gpu-pack REVISION="$revision"

say "/opt/livedub"
mkdir -p /opt/livedub/{bin,libexec,share,onnx,models}
install -m 0755 bin/livedub bin/gateway bin/espeakworker bin/pocketsphinxworker bin/transducerworker bin/gpucheck bin/*.so /opt/livedub/bin/
out/gpu-pack/check.sh --join-only --pack out/gpu-pack --to /opt/livedub/onnx
rm -rf /opt/livedub/onnx/parts
test -e /opt/livedub/onnx/runtime/libonnxruntime.so
# cuDNN's own loader asks for this name, which its package may lack.
[[ -e /usr/lib/x86_64-linux-gnu/libcudnn.so ]] || ln -s libcudnn.so.9 /usr/lib/x86_64-linux-gnu/libcudnn.so
# shellcheck disable=SC2086 # several names
[[ -z $MODELS ]] || LIVEDUB_MODELS_DIR=/opt/livedub/models bin/livedub models pull $MODELS
chmod -R a+rX /opt/livedub
curl -fsSL --retry 5 --proto '=https' -o /opt/livedub/share/rds-global-bundle.pem https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem
grep -q 'BEGIN CERTIFICATE' /opt/livedub/share/rds-global-bundle.pem

say "units"
files=deploy/packer/files
install -m 0755 $files/livedub-boot /opt/livedub/libexec/livedub-boot
install -m 0644 $files/cloudwatch-agent.json /opt/livedub/share/cloudwatch-agent.json
groupadd --system --force livedub-secrets
install -m 0644 deploy/systemd/livedub.service deploy/systemd/livedub-gateway.service $files/livedub-{boot,turn,refresh}.service $files/livedub-refresh.timer /etc/systemd/system/
install -D -m 0644 $files/node.conf /etc/systemd/system/livedub.service.d/aws.conf
install -D -m 0644 deploy/systemd/livedub.service.d/gpu.conf /etc/systemd/system/livedub.service.d/gpu.conf
install -D -m 0644 $files/gateway.conf /etc/systemd/system/livedub-gateway.service.d/aws.conf
mkdir -p /etc/livedub
echo LIVEDUB_MODELS_DIR=/opt/livedub/models >/etc/livedub/livedub.env
install -m 0644 $files/rsyslog.conf /etc/rsyslog.d/30-livedub.conf
install -m 0644 $files/logrotate.conf /etc/logrotate.d/livedub
install -m 0644 $files/cloud.cfg /etc/cloud/cloud.cfg.d/99-livedub.cfg
install -d -o syslog -g adm -m 0750 /var/log/livedub
systemctl daemon-reload
systemctl enable livedub-boot.service livedub.service livedub-gateway.service livedub-turn.service livedub-refresh.timer
systemctl restart rsyslog

say "removing what only the build needs"
deploy/docker/runtime-packages.sh /opt/livedub/bin >/tmp/runtime
xargs apt-get install -q -y --no-install-recommends </tmp/runtime
{ cat /tmp/manual /tmp/runtime; } | sort -u >/tmp/keep
apt-mark showmanual | sort | comm -23 - /tmp/keep | xargs -r apt-mark auto
apt-get autoremove -q -y --purge
rm -rf /tmp/go /tmp/go-cache /tmp/livedub /tmp/livedub.tar.gz /tmp/livedub.revision
