#!/usr/bin/env bash
# Tries the dashboards and alert rules: promtool reads the rules and runs their tests,
# and Go tests find each metric in a live node and a live gateway.
set -euo pipefail
cd "$(dirname "$0")"

say() { echo "deploy/grafana: $*"; }

for file in dashboards/*.json; do
	python3 -m json.tool "$file" >/dev/null
	say "$file is JSON"
done
if command -v promtool >/dev/null; then
	promtool check rules rules/*.yml
	promtool test rules rules_test.yml
else
	echo "SKIPPED: no promtool, which reads and tries the alert rules (apt-get install prometheus)"
fi
if command -v go >/dev/null; then
	cd ../..
	export GOFLAGS=${GOFLAGS:--tags=nolibopusfile -buildvcs=false} CGO_CFLAGS=${CGO_CFLAGS:--O2 -g -Wno-deprecated-declarations}
	go test ./internal/testkit/dashboards
	go test ./cmd/gateway -run '^TestServes$'
	go test ./cmd/livedub -run '^TestDashboardsAskForWhatThereIs$'
else
	echo "SKIPPED: no Go, which looks for the metrics in a live node and gateway"
fi
