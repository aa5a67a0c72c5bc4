#!/usr/bin/env bash
# Checks neural nets on a machine with an NVIDIA GPU. It needs no network, no
# compiler and no root: what it runs was packed by pack.sh.
#
#   check.sh [--pack DIR] [--to DIR] [--cuda DIR] [--look] [--join-only] [--json FILE] [-- flags of gpucheck]
#
# --pack  the folder that pack.sh made, or what has arrived of it (default: beside this script)
# --to    where parts are gathered and unpacked (default: ~/.cache/livedub-gpu)
# --cuda  a folder with CUDA's libraries, if they are where nobody looks
# --look  tell which GPU and which of CUDA's libraries are here and end: it needs no pack
# --join-only  take in what has arrived and end: parts may come one by one, in any order
# --json  where the figures go
set -euo pipefail

say() { echo "gpu-check: $*"; }
fail() { echo "gpu-check: $*" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
pack=$here to=${XDG_CACHE_HOME:-$HOME/.cache}/livedub-gpu cuda= json= join_only= look=
while [[ $# -gt 0 ]]; do
	case $1 in
	--pack | --to | --cuda | --json)
		[[ $# -ge 2 ]] || fail "$1 wants a path"
		declare "${1#--}=$2"
		shift
		;;
	--join-only) join_only=yes ;;
	--look) look=yes ;;
	-h | --help)
		sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
		exit 0
		;;
	--)
		shift
		break
		;;
	*) fail "$1 is no flag: see --help" ;;
	esac
	shift
done

has_gpu() {
	[[ -e /dev/nvidiactl ]] || compgen -G '/dev/nvidia[0-9]*' >/dev/null || { command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; }
}

whole() { sha256sum --check --status <<<"$1  $2" 2>/dev/null; }

# join takes verified parts into $to/parts; when all are there it unpacks them.
join() {
	[[ -f $pack/manifest ]] || fail "$pack has no manifest: make gpu-pack on a machine with a network, carry the folder here, and name it with --pack"
	mkdir -p "$to/parts"
	local sum name missing=() parts=() total=
	while read -r sum name; do
		case $name in
		runtime.tar.xz) total=$sum ;;
		part-[0-9][0-9])
			parts+=("$to/parts/$name")
			if whole "$sum" "$to/parts/$name"; then
				continue
			elif whole "$sum" "$pack/$name"; then
				cp "$pack/$name" "$to/parts/$name.new"
				mv "$to/parts/$name.new" "$to/parts/$name"
				say "$name is here"
			else
				[[ ! -f $pack/$name ]] || say "$name is damaged, or of another pack: carry it again"
				missing+=("$name")
			fi
			;;
		esac
	done <"$pack/manifest"
	[[ -n $total && ${#parts[@]} -gt 0 ]] || fail "$pack/manifest is damaged: carry it again"
	if [[ ${#missing[@]} -gt 0 ]]; then
		say "${#missing[@]} of ${#parts[@]} parts have yet to arrive: ${missing[*]}"
		return 1
	fi
	if [[ $(cat "$to/runtime/.sum" 2>/dev/null) == "$total" ]]; then
		return 0
	fi
	say "unpacking ONNX Runtime to $to/runtime"
	[[ $(cat "${parts[@]}" | sha256sum) == "$total "* ]] || fail "the parts are whole and the archive is not: make gpu-pack anew"
	rm -rf "$to/runtime"
	cat "${parts[@]}" | unxz_here | tar -C "$to" --no-same-owner -xf -
	echo "$total" >"$to/runtime/.sum"
}

unxz_here() {
	if command -v xz >/dev/null; then
		xz -dc
	else
		python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.stdin.buffer), sys.stdout.buffer, 1 << 20)'
	fi
}

# What the CUDA provider opens: by its own dependencies, and while it runs.
needs=(libcudart.so.13 libcublas.so.13 libcublasLt.so.13 libcurand.so.10 libcudnn.so.9 libcufft.so.12 libnvrtc.so.13)

# candidates are folders where CUDA's libraries may lie: installed, or brought by PyTorch.
candidates() {
	[[ -z $cuda ]] || printf '%s\n' "$cuda" "$cuda/lib64" "$cuda/lib"
	compgen -G '/usr/local/cuda*/lib64' || true
	compgen -G '/usr/local/cuda*/targets/x86_64-linux/lib' || true
	printf '%s\n' /usr/lib/x86_64-linux-gnu /usr/lib64
	local python site
	for python in $(compgen -c python3 2>/dev/null | grep -xE 'python3(\.[0-9]+)?' | sort -u) /opt/*/bin/python3 /opt/*/envs/*/bin/python3 "$HOME"/*/bin/python3; do
		command -v "$python" >/dev/null || continue
		timeout 20 "$python" -c 'import site, sys; print("\n".join(site.getsitepackages() + [site.getusersitepackages()]))' 2>/dev/null || true
	done | sort -u | while read -r site; do
		compgen -G "$site/nvidia/*/lib" || true
		compgen -G "$site/torch/lib" || true
	done
}

# others tells which versions of a library there are instead.
others() {
	local found
	found=$(candidates | while read -r dir; do compgen -G "$dir/$1.so.[0-9]*" || true; done | sort -u | paste -sd ' ')
	[[ -z $found ]] || echo " (there is $found)"
}

# everywhere prints the folders of all files that are called as something needed.
everywhere() {
	timeout 20 find / \( -path /proc -o -path /sys -o -path /dev \) -prune -o \
		\( -name 'libcu*.so.*' -o -name 'libnvrtc.so.*' \) -printf '%f %h\n' 2>/dev/null |
		grep -F -f <(printf '%s \n' "${needs[@]}") | cut -d ' ' -f 2- | sort -u || true
}

# find_cuda prints the folders that hold what is needed, and tells what none has.
find_cuda() {
	local dir lib look
	local -A at=()
	for look in candidates everywhere; do
		while read -r dir; do
			for lib in "${needs[@]}"; do
				[[ -n ${at[$lib]:-} || ! -e $dir/$lib ]] || at[$lib]=$dir
			done
		done < <("$look")
		[[ ${#at[@]} -lt ${#needs[@]} ]] || break
	done
	for lib in "${needs[@]}"; do
		if [[ -n ${at[$lib]:-} ]]; then
			say "$lib: ${at[$lib]}" >&2
		elif ldconfig -p 2>/dev/null | grep -qF "$lib "; then
			say "$lib: known to the system" >&2
		else
			say "$lib: NOT FOUND; name its folder with --cuda$(others "${lib%.so.*}")" >&2
		fi
	done
	# cuDNN's own loader asks for this name, which its Python packages lack.
	if [[ -n ${at[libcudnn.so.9]:-} && ! -e ${at[libcudnn.so.9]}/libcudnn.so ]]; then
		mkdir -p "$to/links"
		ln -sfn "${at[libcudnn.so.9]}/libcudnn.so.9" "$to/links/libcudnn.so"
		echo "$to/links"
	fi
	[[ ${#at[@]} -eq 0 ]] || printf '%s\n' "${at[@]}" | sort -u
}

if [[ -n $join_only ]]; then
	join || true
	exit 0
fi
if ! has_gpu; then
	say "SKIPPED: this machine has no NVIDIA GPU with a driver"
	exit 0
fi
if command -v nvidia-smi >/dev/null; then
	timeout 20 nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used,compute_cap,pcie.link.gen.current,clocks.max.sm,power.limit --format=csv || say "nvidia-smi does not answer"
fi
if [[ -n $look ]]; then
	find_cuda >/dev/null
	exit 0
fi
join || fail "carry what is missing, then run this again"
program=$pack/gpucheck
sum=$(awk '$2 == "gpucheck" { print $1 }' "$pack/manifest")
whole "$sum" "$program" || fail "$program is missing or damaged: carry it again"
if [[ ! -x $program ]]; then # what carried it may have lost its mode
	cp "$program" "$to/gpucheck"
	program=$to/gpucheck
	chmod 755 "$program"
fi
path=$(find_cuda | paste -sd:)
export LD_LIBRARY_PATH=$to/runtime${path:+:$path}${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
exec "$program" --library "$to/runtime/libonnxruntime.so" --nets-dir "$to/nets" ${json:+--json "$json"} "$@"
