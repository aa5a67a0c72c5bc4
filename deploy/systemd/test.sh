#!/usr/bin/env bash
# Tries the units: what they must say, and systemd-analyze verify and security.
set -euo pipefail
cd "$(dirname "$0")"

say() { echo "deploy/systemd: $*"; }
fail() { echo "deploy/systemd: $*" >&2; exit 1; }

units=(livedub.service livedub-gateway.service livedub-livekit.service)
for unit in "${units[@]}"; do
	for line in DynamicUser=yes ProtectSystem=strict NoNewPrivileges=yes CapabilityBoundingSet= AmbientCapabilities= \
		LimitNOFILE=65536 ProtectHome=yes PrivateTmp=yes; do
		grep -qxF "$line" "$unit" || fail "$unit: no line $line"
	done
	restart=always
	[[ $unit != livedub.service ]] || restart=on-failure
	grep -qxF "Restart=$restart" "$unit" || fail "$unit: no line Restart=$restart"
	[[ $unit == livedub-livekit.service ]] || grep -q '^StateDirectory=' "$unit" || fail "$unit: no StateDirectory" # it keeps nothing
done

# seconds FILE KEY tells how long a span of whole minutes or seconds is.
seconds() { sed -nE "s/^ *$2[=:] *([0-9]+)(m|min)\$/\1*60/p; s/^ *$2[=:] *([0-9]+)s?\$/\1/p" "$1" | head -1 | { local sum; read -r sum && echo $((sum)); }; }
drain=$(seconds ../livedub.yaml drain)
stop=$(seconds livedub.service TimeoutStopSec)
[[ -n $drain && -n $stop && $stop -gt $drain ]] || fail "livedub.service: TimeoutStopSec is ${stop:-not read}, and serve.drain ${drain:-not read}: live calls would be killed"
say "the units say what they must; $stop s to stop, $drain s of them to drain"

if ! command -v systemd-analyze >/dev/null; then
	echo "SKIPPED: no systemd-analyze, which verifies units"
	exit 0
fi
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# verify wants the programs to be there: any will do.
for unit in "${units[@]}"; do
	sed -E 's#^ExecStart=/opt/livedub/bin/[a-z-]+#ExecStart=/bin/true#' "$unit" >"$dir/$unit"
done
# verify also tells of other units of this machine, which are not our business.
check() {
	local said
	said=$(systemd-analyze verify --man=no "$@" 2>&1 || true)
	if grep -F "$dir" <<<"$said" || grep -E '^(livedub|Unit livedub)' <<<"$said"; then
		fail "systemd-analyze verify has complaints"
	fi
}
for unit in "${units[@]}"; do
	check "$dir/$unit"
	say "$unit: verified"
	# Exposure is 0 (none) to 10; offline needs systemd 250. Two tenths above what it is today.
	if systemd-analyze security --help 2>/dev/null | grep -q -- --offline; then
		systemd-analyze security --no-pager --offline=true --threshold="$([[ $unit == livedub.service ]] && echo 20 || echo 15)" "$dir/$unit" | tail -1
	fi
done
cp -r livedub.service.d "$dir/"
check "$dir/livedub.service"
say "livedub.service with gpu.conf: verified"
# The check itself must see a fault.
sed 's/^ProtectSystem=.*/ProtectSystem=no-such-thing/' "$dir/livedub.service" >"$dir/livedub-wrong.service"
if (check "$dir/livedub-wrong.service") >/dev/null 2>&1; then
	fail "systemd-analyze verify sees no fault in a unit that has one"
fi
