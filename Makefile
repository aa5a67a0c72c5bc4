# Everything livedub needs, by name. `make help` lists the targets.
.DEFAULT_GOAL := help
.ONESHELL:
.DELETE_ON_ERROR:
SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-print-directory

LISTEN   ?= 127.0.0.1:8080
GO_NEEDS := 1.26
GO_TAR   := https://go.dev/dl/go1.26.8.linux-$(shell dpkg --print-architecture 2>/dev/null || echo amd64).tar.gz
RUNTIME  := github.com/k2-fsa/sherpa-onnx-go-linux
REVISION := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# sudo drops PATH entries; Go's own installer puts it here.
export PATH    := $(PATH):/usr/local/go/bin
export GOFLAGS := -tags=nolibopusfile -buildvcs=false
# NVIDIA's binding names functions that NVIDIA has deprecated: 50 warnings that nobody can act on.
export CGO_CFLAGS := -O2 -g -Wno-deprecated-declarations

# Debian 12 and Ubuntu 24.04. The codecs, the default engines, and flite and
# ffmpeg, which make and measure the tests' input.
PACKAGES := gcc libc6-dev pkg-config \
	libavcodec-dev libavformat-dev libavutil-dev libavfilter-dev libswscale-dev libswresample-dev libvpx-dev libopus-dev \
	libpocketsphinx-dev libsphinxbase-dev pocketsphinx-en-us \
	apertium apertium-eng-spa apertium-eng-cat \
	libespeak-ng-dev espeak-ng-data flite ffmpeg
# More translation pairs; a system that lacks one does without.
PAIRS := apertium-en-gl apertium-eo-en apertium-spa-cat apertium-fr-es apertium-es-pt apertium-spa-ita
# Other people's clients, for whole-server tests; a test whose client is missing says so and skips.
CLIENTS := chromium firefox-esr python3-gi gir1.2-gst-plugins-bad-1.0 gstreamer1.0-nice \
	gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly
# Servers that tests start themselves, on free ports; those that the packages start besides are left alone.
SERVERS := redis-server postgresql coturn
# What puts load on; make load does without.
LOAD := python3-locust
OPTIONAL := $(PAIRS)

# Packages whose tests run under the race detector; those that are mostly C run
# without, and the test speaker, which draws on one goroutine for minutes under it.
RACE := ./cluster/... ./cmd/gateway/... ./cmd/gpucheck/... ./cmd/livedub/... ./cmd/loadgen/... ./inference ./inference/engine/... ./inference/fake/... ./inference/kserve/... ./inference/recognize/... ./inference/speak/... ./inference/translate/... ./internal/... ./media ./media/link/... ./media/packets/... ./media/pace/... ./session/... ./signaling/... ./store/... ./web/...

.PHONY: help deps go build run test lint bench fmt clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

deps: ## install the system's packages that are missing
	@missing=()
	installed=$$(dpkg-query -W -f='$${db:Status-Status} $${Package}\n' $(PACKAGES) $(OPTIONAL) 2>/dev/null || true)
	have=" $$(awk '$$1 == "installed" { print $$2 }' <<<"$$installed" | tr '\n' ' ') "
	for p in $(PACKAGES); do [[ $$have == *" $$p "* ]] || missing+=("$$p"); done
	for p in $(OPTIONAL); do
		[[ $$have == *" $$p "* ]] && continue
		# Asked for again only where apt knows it, so that what it lacks costs nothing each time.
		if [[ $${#missing[@]} -gt 0 ]] || apt-cache show "$$p" >/dev/null 2>&1; then missing+=("$$p"); fi
	done
	if [[ $${#missing[@]} -eq 0 ]]; then
		echo "deps: system packages are in place"
		exit 0
	fi
	sudo=
	if [[ $$(id -u) -ne 0 ]]; then
		if ! sudo -n true 2>/dev/null; then
			echo "deps: system packages are missing and only root may install them. Run this line, then make again:" >&2
			echo "sudo apt-get install -y $${missing[*]}" >&2
			exit 1
		fi
		sudo="sudo -n"
	fi
	export DEBIAN_FRONTEND=noninteractive
	echo "deps: apt-get update"
	$$sudo apt-get update -q
	known=()
	for p in "$${missing[@]}"; do
		if [[ " $(OPTIONAL) " == *" $$p "* ]] && ! apt-cache show "$$p" >/dev/null 2>&1; then
			echo "deps: this system has no $$p: going on without it"
			continue
		fi
		known+=("$$p")
	done
	echo "deps: apt-get install -y $${known[*]}"
	[[ $${#known[@]} -eq 0 ]] || $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$${known[@]}"

go:
	@have=$$(go env GOVERSION 2>/dev/null | sed -nE 's/^go([0-9]+\.[0-9]+).*/\1/p' || true)
	if [[ -z $$have || $$(printf '%s\n' $(GO_NEEDS) "$$have" | sort -V | head -1) != $(GO_NEEDS) ]]; then
		echo "Go $(GO_NEEDS) or newer is needed, found $${have:-none}. Run this line, then make again:" >&2
		echo "curl -fsSL $(GO_TAR) | sudo tar -C /usr/local -xz" >&2
		exit 1
	fi
	echo "go: $$(go env GOVERSION); modules"
	go mod download

build: deps go ## bin/livedub, its workers (espeakworker, pocketsphinxworker, transducerworker), bin/gateway, bin/gpucheck, bin/loadgen
	@echo "build: bin/"
	mkdir -p bin
	case $$(go env GOARCH) in
	amd64) triple=x86_64-unknown-linux-gnu ;;
	arm64) triple=aarch64-unknown-linux-gnu ;;
	*) triple= ;;
	esac
	# ONNX Runtime for the CPU, which livedub looks for beside itself, and sherpa-onnx, which transducerworker does.
	libraries=$$(go list -m -f '{{.Dir}}' $(RUNTIME))/lib/$$triple
	for library in libonnxruntime.so libsherpa-onnx-c-api.so; do
		if [[ -f $$libraries/$$library ]] && ! cmp -s "$$libraries/$$library" bin/$$library; then
			echo "build: bin/$$library"
			install -m 0755 "$$libraries/$$library" bin/$$library
		fi
	done
	go build -ldflags "-X main.revision=$(REVISION)" -o bin/ ./cmd/...

run: build ## the server on LISTEN (127.0.0.1:8080)
	@exec bin/livedub serve --listen $(LISTEN) --rtmp-listen 127.0.0.1:1935 --srt-listen 127.0.0.1:8890

# What the neural engines need; `bin/livedub models list` has more. No other target downloads weights.
MODELS ?= whisper-base kokoro

.PHONY: models
models: build ## download the weights in MODELS (whisper-base kokoro), 270 MB
	@bin/livedub models pull $(MODELS)

test: OPTIONAL := $(PAIRS) $(CLIENTS) $(SERVERS) $(LOAD)
test: build ## vet and every test
	@# Tests that go without something add a line here (internal/testkit/groundtest).
	export LIVEDUB_NOT_TRIED=$$(mktemp)
	tell() {
		if [[ -s $$LIVEDUB_NOT_TRIED ]]; then
			{
				echo
				echo "test: NOT TRIED, $$(sort -u "$$LIVEDUB_NOT_TRIED" | wc -l) in all, for what this machine lacks:"
				sort -u "$$LIVEDUB_NOT_TRIED" | sed 's/^/test:   /'
			} >&2
		fi
		rm -f "$$LIVEDUB_NOT_TRIED"
	}
	trap tell EXIT
	echo "test: go vet"
	go vet ./...
	race=$$(go list $(RACE) | grep -v /internal/testkit/testspeaker | sort -u)
	rest=$$(go list ./... | grep -vxF "$$race" | grep -vE '/test/(e2e|cluster)$$' || true)
	failed=()
	echo "test: with the race detector"
	go test -race -timeout 20m $$race || failed+=("race detector")
	echo "test: the rest"
	go test -timeout 12m $$rest || failed+=("the rest")
	echo "test: whole programs, as users run them"
	go test -timeout 45m ./test/e2e || failed+=("whole programs")
	echo "test: a cluster that breaks"
	$(CLUSTER) || failed+=("cluster")
	echo "test: the connector for LiveKit, but for what needs its server (make test-livekit)"
	(cd connectors/livekit && go vet ./... && go test -race $$(go list ./... | grep -v /test$$)) || failed+=("connector for LiveKit")
	[[ $${#failed[@]} -eq 0 ]] || { printf 'test: failed: %s\n' "$${failed[@]}" >&2; exit 1; }

# Two scenarios at a time: each has a call, three nodes and Redis.
CLUSTER := go test -timeout 15m -parallel 2 ./test/cluster
.PHONY: test-cluster
test-cluster: OPTIONAL := $(SERVERS)
test-cluster: deps go ## break a cluster of real processes, and judge by what a listener receives
	@$(CLUSTER)

# Whole servers, and other people's programs at every door; the logs are searched for secrets.
DOORS := DoorsIn|RTMPS|BroadcastByStreamKey|GStreamerPublishes|HLS|HLSInTheBrowser|Restream|RestreamStaysOutside|RestreamGoesOnElsewhere|PageSendsOn|PlayerBySRT|Tokens|StreamKeysOfACluster
.PHONY: test-doors
test-doors: OPTIONAL := $(CLIENTS) $(SERVERS)
test-doors: deps go ## try every way in and out: RTMP, SRT, WHIP, HLS, restreams, tokens, with ffmpeg, GStreamer and Chromium
	@echo "test-doors: in:     ffmpeg by RTMP, RTMPS and SRT (20 % of packets lost), with stream keys; GStreamer by WHIP"
	echo "test-doors: out:    HLS of all languages, read by ffmpeg and played in Chromium; RTMP to a second server, SRT to ffmpeg, which listens or calls"
	echo "test-doors: rights: tokens and stream keys, made, expired and revoked in mid-call, on a cluster with Redis"
	go test -v -count 1 -timeout 30m -run '^Test($(DOORS))$$' ./test/e2e

# The packages of what is kept: recordings are mostly C, which runs without the race detector.
.PHONY: test-store
test-store: OPTIONAL := $(SERVERS)
test-store: deps go ## keep words and recordings in files, a real PostgreSQL and S3's protocol, and break all of them
	@kept=$$(go list ./... | grep -E '^livedub/(store|session/journal|internal/(stores|testkit/(pgtest|s3proc)|bench/recordbench))(/|$$)')
	made=$$(go list ./... | grep -E '^livedub/(recording|media/cmaf)(/|$$)')
	go test -race -timeout 12m $$kept
	go test -timeout 12m $$made

# The connector to LiveKit is a Go module of its own, which pins what LiveKit's client wants. Its server takes some
# minutes to build, once: out/tools keeps it. SOAK is how long the soak runs.
LIVEKIT := v1.13.3
SOAK    ?= 3m
.PHONY: livekit test-livekit
livekit: go ## bin/livedub-livekit, by which livedub is in rooms of LiveKit
	@mkdir -p bin
	cd connectors/livekit
	GOFLAGS=-buildvcs=false go build -o ../../bin/ ./cmd/livedub-livekit

.PHONY: livekit-page
livekit-page: ## rebuild the listener's page of livedub-livekit (Node 20.19 or newer)
	@if ! $(NODE_OK); then
		echo "livekit-page: Node 20.19 or newer is needed to change the page; its dist as committed needs none" >&2
		exit 1
	fi
	cd connectors/livekit/page
	npm ci --no-fund --no-audit --loglevel=error
	npm run --silent build

# Not a part of make test.
test-livekit: OPTIONAL := chromium redis-server
test-livekit: build livekit ## livedub in rooms of a real livekit-server, judged by what participants receive (SOAK=3m)
	@server=out/tools/livekit-server-$(LIVEKIT)
	if [[ ! -x $$server ]]; then
		echo "test-livekit: building livekit-server $(LIVEKIT)"
		mkdir -p out/tools
		GOBIN="$$PWD/out/tools" GOFLAGS= go install github.com/livekit/livekit-server/cmd/server@$(LIVEKIT)
		mv out/tools/server "$$server"
	fi
	export LIVEKIT_SERVER="$$PWD/$$server" LIVEDUB="$$PWD/bin/livedub" LIVEDUB_GATEWAY="$$PWD/bin/gateway" LIVEDUB_LIVEKIT="$$PWD/bin/livedub-livekit" LIVEKIT_SOAK="$(SOAK)"
	export GOFLAGS=-buildvcs=false
	cd connectors/livekit
	go vet ./...
	go test -race $$(go list ./... | grep -v /test$$)
	go test -timeout 60m -v ./test

# Each folder of deploy/ tries itself as far as this machine has the tools; a line "SKIPPED: why" tells what it could not.
.PHONY: test-deploy
test-deploy: go ## check what deploy/ holds: Terraform, images, dashboards, and the policy that plans must keep
	@for script in deploy/*/test.sh; do
		echo "test-deploy: $$script"
		"$$script"
	done
	echo "test-deploy: the policy, by a plan"
	go test -v -timeout 10m -skip '^TestScripts$$' ./test/deploy

# FOR is the time of all targets together; each gets the same share, a second at least.
FOR ?= 60s
.PHONY: fuzz
fuzz: deps go ## run every fuzz target, for FOR (60s) in all
	@mapfile -t targets < <(grep -rhoE --include='*_test.go' --exclude-dir=connectors --with-filename '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's/^(.*):func /\1 /' | sort -u)
	total=$$(( $$(echo '$(FOR)' | sed -E 's/^([0-9]+)m$$/\1*60/; s/^([0-9]+)s?$$/\1/') ))
	each=$$(( total / $${#targets[@]} )); [[ $$each -ge 1 ]] || each=1
	echo "fuzz: $${#targets[@]} targets, $$each s each"
	# Go ends fuzzing processes without their cleanup.
	export TMPDIR; TMPDIR=$$(mktemp -d)
	trap 'rm -rf "$$TMPDIR"' EXIT
	log=$$TMPDIR/log
	for t in "$${targets[@]}"; do
		read -r file name <<<"$$t"
		echo "fuzz: $$name in $$(dirname "$$file")"
		# The end of -fuzztime can itself be reported as a failure (go.dev/issue/75804, mended in Go 1.27).
		# Such a target runs again. A failing input is told as one, whatever else is said.
		for try in 1 2 3; do
			if go test -run '^$$' -fuzz "^$$name$$" -fuzztime "$${each}s" -fuzzminimizetime 1x "$$(dirname "$$file")" 2>&1 | tee "$$log"; then
				continue 2
			fi
			if grep -q 'Failing input written' "$$log" || ! grep -qx ' *context deadline exceeded' "$$log"; then
				exit 1
			fi
			echo "fuzz: $$name met the end of its time, not a failing input: again (go.dev/issue/75804)"
		done
		exit 1
	done

# SESSIONS speakers and their viewers for FOR; LOAD_FLAGS are further flags of bin/loadgen.
SESSIONS   ?= 4
LOAD_FLAGS ?= --width 320 --height 180
.PHONY: load
load: OPTIONAL := $(SERVERS)
load: build ## SESSIONS (4) speakers on Redis, 2 nodes and a gateway of its own, each with a viewer, for FOR (60s): a table, out/load/load.svg
	@mkdir -p out/load
	pids=()
	stop() {
		for pid in "$${pids[@]}"; do kill "$$pid" 2>/dev/null || true; done
		wait
	}
	trap stop EXIT
	if ! command -v redis-server >/dev/null; then
		echo "load: no redis-server, by which nodes and gateway find each other: apt-get install redis-server" >&2
		exit 1
	fi
	# start NAME PROGRAM FLAG... starts a program, for which Ctrl-C is not meant (setsid).
	start() {
		: >out/load/$$1.out # so that it is there to be read
		XDG_STATE_HOME=$$PWD/out/load LIVEDUB_STORE_DIR=$$PWD/out/load/store setsid "$${@:2}" >out/load/$$1.out 2>out/load/$$1.log &
		pids+=($$!)
	}
	# serves NAME waits until a program serves, and sets base to its address.
	serves() {
		for _ in {1..300}; do
			base=$$(sed -nE 's,.* (http://[^ ]+) .*,\1,p' out/load/$$1.out)
			[[ -z $$base ]] || return 0
			kill -0 "$${pids[-1]}" 2>/dev/null || break
			sleep 0.1
		done
		tail -3 out/load/$$1.log >&2
		echo "load: $$1 did not start: see out/load/$$1.log" >&2
		return 1
	}
	redis=
	for port in $$(shuf -i 20000-32000 -n 20); do
		start redis redis-server --bind 127.0.0.1 --port $$port --save "" --appendonly no
		for _ in {1..50}; do
			if grep -q 'Ready to accept' out/load/redis.out; then redis=redis://127.0.0.1:$$port; break 2; fi
			kill -0 "$${pids[-1]}" 2>/dev/null || break
			sleep 0.1
		done
	done
	if [[ -z $$redis ]]; then
		tail -3 out/load/redis.out >&2
		echo "load: redis-server did not start: see out/load/redis.out" >&2
		exit 1
	fi
	node() {
		start $$1 bin/livedub serve --listen 127.0.0.1:0 --media-port 0 --drain 0s --max-sessions $(SESSIONS) --cluster-url $$redis --cluster-node $$1
		serves $$1
	}
	node node1
	node node2
	start gateway bin/gateway --listen 127.0.0.1:0 --cluster-url $$redis
	serves gateway
	echo "load: $(SESSIONS) sessions for $(FOR) on a gateway, $$base, and 2 nodes; lines in out/load/load.jsonl, picture in out/load/load.svg"
	bin/loadgen --base "$$base" --sessions $(SESSIONS) --for $(FOR) --json out/load/load.jsonl --svg out/load/load.svg $(LOAD_FLAGS)

# START is cold, warm or both; BOOT is how long EC2 is said to take, which nobody measures here;
# SCALEOUT_FLAGS are further flags of bin/livedub bench scaleout.
START          ?= cold,warm
BOOT           ?= cold=30s,warm=10s
SCALEOUT_FLAGS ?=
.PHONY: scaleout
scaleout: OPTIONAL := $(SERVERS)
scaleout: build ## from a step of load to the first session of a new node, in a fake Auto Scaling group of real nodes: a table, out/scaleout/scaleout.svg
	@bin/livedub bench scaleout --start $(START) --boot $(BOOT) --svg out/scaleout $(SCALEOUT_FLAGS)

# The linters that staticcheck is not: errorlint, bodyclose, misspell (.golangci.yml). Built once, in out/.
GOLANGCI := v2.15.0
# The Go modules of what is delivered. The configuration of the linters is that of the root.
MODULES := . connectors/livekit

lint: deps go ## gofmt, vet, staticcheck, golangci-lint
	@echo "lint: gofmt"
	wrong=$$(find . -name '*.go' -not -path '*/node_modules/*' -print0 | xargs -0 gofmt -l)
	if [[ -n $$wrong ]]; then
		echo "not formatted, run make fmt:" $$wrong >&2
		exit 1
	fi
	if [[ ! -x out/tools/golangci-lint-$(GOLANGCI) ]]; then
		echo "lint: building golangci-lint $(GOLANGCI)"
		mkdir -p out/tools
		GOBIN="$$PWD/out/tools" GOFLAGS= CGO_ENABLED=0 go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
		mv out/tools/golangci-lint out/tools/golangci-lint-$(GOLANGCI)
	fi
	golangci=$$PWD/out/tools/golangci-lint-$(GOLANGCI)
	staticcheck=$$(go tool -n staticcheck) # go.mod's, which modules in folders below do not have
	for module in $(MODULES); do
		echo "lint: go vet, staticcheck and golangci-lint in $$module"
		(cd "$$module" && go vet ./... && "$$staticcheck" ./... && "$$golangci" run ./...)
	done

.PHONY: hooks
hooks: ## check formatting, vet and commit subjects at each commit in this clone
	@git config core.hooksPath .githooks
	echo "hooks: git config core.hooksPath .githooks; undo: git config --unset core.hooksPath"

bench: build ## Go benchmarks, then whole dubs and nets (docs/BENCHMARKS.md)
	@echo "bench: Go benchmarks"
	go test -run '^$$' -bench . -benchmem -p 1 ./...
	echo "bench: whole dubs"
	bin/livedub bench
	echo "bench: nets"
	bin/livedub bench engine

fmt: go ## format the code
	@find . -name '*.go' -not -path '*/node_modules/*' -print0 | xargs -0 gofmt -l -w

clean: ## remove what was built
	@rm -rf bin out

.PHONY: gpu-pack gpu-check
PART_MB ?= 45

gpu-pack: go ## out/gpu-pack: what a machine with a GPU needs, in parts of PART_MB (45) MB
	@if [[ $$(go env GOOS)/$$(go env GOARCH) != linux/amd64 ]]; then
		echo "gpu-pack: ONNX Runtime's GPU build is for linux/amd64: pack on such a machine" >&2
		exit 1
	fi
	echo "gpu-pack: building gpucheck"
	mkdir -p out
	go build -trimpath -ldflags "-s -w -X main.revision=$(REVISION)" -o out/gpucheck ./cmd/gpucheck
	deploy/gpu/pack.sh out/gpucheck out/gpu-pack $(PART_MB)

gpu-check: ## check nets on this machine's NVIDIA GPU with what gpu-pack made
	@mkdir -p out
	deploy/gpu/check.sh --pack out/gpu-pack --json out/gpu-check.json

.PHONY: web web-check
NODE_OK := node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null

web: ## rebuild the page into web/dist (Node 20.19 or newer)
	@if ! $(NODE_OK); then
		echo "web: Node 20.19 or newer is needed to change the page; web/dist as committed needs none" >&2
		exit 1
	fi
	cd web
	npm ci --no-fund --no-audit --loglevel=error
	npm run --silent build

# The pages that are committed as built, and how to build each.
PAGES := web:web connectors/livekit/page:livekit-page

web-check: ## the committed pages are what their sources build, and the unit tests of web/
	@if ! $(NODE_OK); then
		echo "web-check: SKIPPED: no Node 20.19 or newer here"
		exit 0
	fi
	fresh=$$(mktemp -d)
	trap 'rm -rf "$$fresh"' EXIT
	for page in $(PAGES); do
		dir=$${page%:*}
		echo "web-check: $$dir"
		(
			cd "$$dir"
			npm ci --no-fund --no-audit --loglevel=error
			npm test --silent --if-present
			npm run --silent build -- --outDir "$$fresh/$$dir" --emptyOutDir --logLevel error
		)
		if ! diff -r "$$dir/dist" "$$fresh/$$dir"; then
			echo "web-check: $$dir/dist is not what $$dir/src builds: make $${page#*:}, then commit" >&2
			exit 1
		fi
		echo "web-check: $$dir/dist is what $$dir/src builds"
	done
