#!/usr/bin/env bash
# Tries what containers are made of: compose.yaml and Dockerfiles by our own rules, the
# settings by the programs themselves, and a build where a container engine runs.
set -euo pipefail
cd "$(dirname "$0")"

say() { echo "deploy/docker: $*"; }
fail() { echo "deploy/docker: $*" >&2; exit 1; }

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

if python3 -c 'import yaml' 2>/dev/null; then
	python3 check.py
	say "compose.yaml, the Dockerfiles and prometheus.yml keep the rules"
	# The rules see a fault.
	mkdir "$dir/deploy"
	cp -r ../docker ../grafana "$dir/deploy/"
	for fault in 's/redis:7.4-alpine/redis:latest/ compose.yaml' 's/"8444:8444\/udp", // compose.yaml' 's/read_only: true/read_only: false/ compose.yaml' \
		's/internal: true/internal: false/ compose.yaml' 's/^USER .*// Dockerfile.cuda' 's/node2:9091/node3:9091/ prometheus.yml'; do
		file=${fault##* }
		sed -i "${fault% *}" "$dir/deploy/docker/$file"
		cmp -s "$file" "$dir/deploy/docker/$file" && fail "$fault changes nothing"
		if python3 "$dir/deploy/docker/check.py" 2>/dev/null; then
			fail "check.py does not see $fault"
		fi
		cp "$file" "$dir/deploy/docker/$file"
	done
else
	echo "SKIPPED: no PyYAML (apt-get install python3-yaml), which reads compose.yaml"
fi

bin=${BIN:-../../bin}
if [[ -x $bin/livedub && -x $bin/gateway ]] && python3 -c 'import yaml' 2>/dev/null; then
	# An unknown or mistyped setting ends a program.
	for service in node1 node2 gateway; do
		mapfile -t settings < <(python3 check.py --settings "$service")
		program=(livedub serve)
		[[ $service != gateway ]] || program=(gateway)
		env -i PATH="$PATH" "${settings[@]}" "$bin/${program[0]}" "${program[@]:1}" --print-config >"$dir/$service.yaml" || fail "$service: its settings are wrong"
		grep -q '# url: (set)\|url: redis' "$dir/$service.yaml" || fail "$service: cluster.url has not arrived"
	done
	say "the programs know all settings of compose.yaml"
	./runtime-packages.sh "$bin" >"$dir/packages" || fail "runtime-packages.sh failed"
	grep -q '^libavcodec' "$dir/packages" || fail "runtime-packages.sh does not find libavcodec"
	say "$(wc -l <"$dir/packages") packages are needed to run"
else
	echo "SKIPPED: no bin/livedub and bin/gateway (make build), which read their settings"
fi

compose=()
if docker compose version >/dev/null 2>&1; then
	compose=(docker compose)
elif command -v docker-compose >/dev/null; then
	compose=(docker-compose)
fi
if [[ ${#compose[@]} -gt 0 ]]; then
	sed -E 's/^([A-Z0-9_]*(PASSWORD|SECRET))=$/\1=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx/; s/^(LIVEDUB_PUBLIC_IP)=$/\1=192.0.2.1/' env.example >"$dir/env"
	for files in "-f compose.yaml" "-f compose.yaml -f compose.cuda.yaml"; do
		# shellcheck disable=SC2086 # several words
		"${compose[@]}" --env-file "$dir/env" $files config >"$dir/config.yaml"
		grep -q '192.0.2.1' "$dir/config.yaml" || fail "$files: the address of env.example has not arrived"
	done
	say "${compose[*]} takes both files"
else
	echo "SKIPPED: no docker compose, which reads compose.yaml"
fi
if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
	docker build -f Dockerfile --target node -t livedub:test ../..
	docker build -f Dockerfile --target gateway -t livedub-gateway:test ../..
	docker run --rm --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges livedub:test doctor
	say "the images for CPUs are built, and find their engines"
else
	echo "SKIPPED: no container engine runs here: no image was built"
fi
