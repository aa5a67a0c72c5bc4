#!/usr/bin/env bash
# In the image's build, as root: NVIDIA's driver and libraries, Docker with the NVIDIA
# container toolkit, the CloudWatch agent. It ends with a restart.
#
#   DRIVER  branch of the driver, as 580-server-open
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
say() { echo "system: $*"; }

get() { curl -fsSL --retry 5 --retry-delay 2 --proto '=https' --tlsv1.2 -o "$2" "$1"; }

# key URL FILE FINGERPRINT gets a key, and wants it to be the one that we mean.
key() {
	get "$1" "$2.armored"
	local have
	have=$(gpg --show-keys --with-colons "$2.armored" | awk -F: '$1 == "fpr" { print $10; exit }')
	if [[ $have != "$3" ]]; then
		echo "system: $1 has fingerprint $have, not $3: find out why before anything is built with it" >&2
		exit 1
	fi
	gpg --dearmor --yes -o "$2" <"$2.armored"
	rm "$2.armored"
}

# Two apt at a time spoil a build.
systemctl disable --now apt-daily.timer apt-daily-upgrade.timer
apt-get -o DPkg::Lock::Timeout=300 update -q
apt-get -o DPkg::Lock::Timeout=300 upgrade -q -y
apt-get install -q -y --no-install-recommends ca-certificates curl gpg rsyslog logrotate python3-boto3

say "NVIDIA's driver $DRIVER, its modules signed by Canonical for the kernel of AWS"
apt-get install -q -y --no-install-recommends linux-aws "linux-modules-nvidia-$DRIVER-aws" "nvidia-headless-no-dkms-$DRIVER" \
	"nvidia-utils-${DRIVER%-open}" "libnvidia-encode-${DRIVER%-open}" "libnvidia-decode-${DRIVER%-open}"
# Kernel and driver go together: neither is replaced by an unattended upgrade.
apt-mark hold linux-aws linux-image-aws linux-headers-aws "linux-modules-nvidia-$DRIVER-aws" "nvidia-headless-no-dkms-$DRIVER" || true
systemctl enable nvidia-persistenced || true # static in some packages: the unit of livedub wants it

say "CUDA 13's libraries and cuDNN 9, which ONNX Runtime needs"
mkdir -p /etc/apt/keyrings
key https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2404/x86_64/3bf863cc.pub /etc/apt/keyrings/cuda.gpg EB693B3035CD5710E231E123A4B469963BF863CC
echo "deb [signed-by=/etc/apt/keyrings/cuda.gpg] https://developer.download.nvidia.com/compute/cuda/repos/ubuntu2404/x86_64/ /" >/etc/apt/sources.list.d/cuda.list
# Libraries alone come from there; the driver stays Ubuntu's.
cat >/etc/apt/preferences.d/cuda <<-'END'
	Package: *
	Pin: origin developer.download.nvidia.com
	Pin-Priority: 100
END
key https://nvidia.github.io/libnvidia-container/gpgkey /etc/apt/keyrings/nvidia-container-toolkit.gpg C95B321B61E88C1809C4F759DDCAE044F796ECB0
echo "deb [signed-by=/etc/apt/keyrings/nvidia-container-toolkit.gpg] https://nvidia.github.io/libnvidia-container/stable/deb/amd64 /" >/etc/apt/sources.list.d/nvidia-container-toolkit.list
apt-get update -q
apt-get install -q -y --no-install-recommends cuda-cudart-13-0 libcublas-13-0 libcurand-13-0 libcufft-13-0 cuda-nvrtc-13-0 libcudnn9-cuda-13
ls -d /usr/local/cuda-13.0/targets/x86_64-linux/lib >/etc/ld.so.conf.d/livedub-cuda.conf
ldconfig

say "Docker and the NVIDIA container toolkit"
apt-get install -q -y --no-install-recommends docker.io docker-compose-v2 nvidia-container-toolkit
nvidia-ctk runtime configure --runtime=docker
systemctl enable docker

say "coturn, for instances that are TURN servers: livedub-turn.service starts it, its own unit never"
apt-get install -q -y --no-install-recommends coturn
systemctl disable --now coturn
systemctl mask coturn

say "the CloudWatch agent"
at=https://amazoncloudwatch-agent.s3.amazonaws.com
key $at/assets/amazon-cloudwatch-agent.gpg /tmp/cloudwatch.gpg 937616F3450B7D806CBD9725D58167303B789C72
get $at/ubuntu/amd64/latest/amazon-cloudwatch-agent.deb /tmp/agent.deb
get $at/ubuntu/amd64/latest/amazon-cloudwatch-agent.deb.sig /tmp/agent.deb.sig
gpgv --keyring /tmp/cloudwatch.gpg /tmp/agent.deb.sig /tmp/agent.deb
dpkg -i -E /tmp/agent.deb
usermod -aG adm cwagent
rm /tmp/agent.deb /tmp/agent.deb.sig /tmp/cloudwatch.gpg

say "restarting, into the kernel that the driver is for"
systemctl reboot
