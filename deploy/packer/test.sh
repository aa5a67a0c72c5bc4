#!/usr/bin/env bash
# Tries what makes the image: packer validate without a network, the shell scripts'
# syntax, livedub-boot against fakes, and the units.
set -euo pipefail
cd "$(dirname "$0")"

say() { echo "deploy/packer: $*"; }
fail() { echo "deploy/packer: $*" >&2; exit 1; }

for script in *.sh ../docker/*.sh; do
	bash -n "$script"
done
if command -v shellcheck >/dev/null; then
	shellcheck -S warning ./*.sh ../docker/*.sh
else
	echo "SKIPPED: no shellcheck, which reads the scripts"
fi
# What the template names is there.
for name in system livedub smoke clean; do
	grep -q "/$name.sh\"" livedub.pkr.hcl || fail "livedub.pkr.hcl does not run $name.sh"
done
python3 -m json.tool files/cloudwatch-agent.json >/dev/null
python3 -W ignore::ResourceWarning test_boot.py --buffer --quiet || fail "test_boot.py failed"

if command -v systemd-analyze >/dev/null; then
	dir=$(mktemp -d)
	trap 'rm -rf "$dir"' EXIT
	true_=$(command -v true)
	mkdir "$dir/livedub.service.d" "$dir/livedub-gateway.service.d"
	for unit in files/*.service files/*.timer ../systemd/livedub.service ../systemd/livedub-gateway.service; do
		sed -E "s#^(Exec[A-Za-z]+=[-+]*)/(opt|usr)/[^ ]+#\1$true_#" "$unit" >"$dir/$(basename "$unit")"
	done
	sed -E "s#^(Exec[A-Za-z]+=[-+]*)/opt/[^ ]+#\1$true_#" files/node.conf >"$dir/livedub.service.d/aws.conf"
	cp ../systemd/livedub.service.d/gpu.conf "$dir/livedub.service.d/"
	cp files/gateway.conf "$dir/livedub-gateway.service.d/aws.conf"
	said=$(systemd-analyze verify --man=no "$dir"/*.service "$dir"/*.timer 2>&1 || true)
	if grep -E "$dir|^(livedub|Unit livedub)" <<<"$said"; then
		fail "systemd-analyze verify has complaints"
	fi
	say "units verified"
else
	echo "SKIPPED: no systemd-analyze, which verifies units"
fi

if ! command -v packer >/dev/null; then
	echo "SKIPPED: no packer (apt-get install packer), which validates the template"
	exit 0
fi
export CHECKPOINT_DISABLE=1
packer validate .
packer validate -var region=eu-west-1 -var 'copy_to=["eu-central-1"]' -var subnet_id=subnet-0123456789abcdef0 -var public_address=false .
if packer validate -var no_such_variable=1 . >/dev/null 2>&1; then
	fail "packer validate accepts a variable that there is not"
fi
say "$(packer version | head -1): the template is valid"
