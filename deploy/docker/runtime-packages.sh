#!/usr/bin/env bash
# Prints the Debian packages that the programs in a folder need when they run: those that
# own the libraries they load, and the engines' data.
#
#   runtime-packages.sh BIN
#
# Run it where the programs were built. So no list of library packages has to follow
# what each system calls them.
set -euo pipefail
bin=$(realpath "$1")

# owner FILE prints the package of a library. With merged /usr dpkg may know it by either path.
owner() {
	local path
	for path in "$1" "/usr$1" "${1#/usr}" "$(realpath "$1")"; do
		if dpkg-query -S "$path" 2>/dev/null | head -1 | sed -E 's/(:[a-z0-9]+)?: .*//'; then
			return
		fi
	done
	echo "runtime-packages: no package owns $1" >&2
	return 1
}

{
	ldd "$bin"/* 2>/dev/null | awk '$2 == "=>" && $3 ~ "^/" { print $3 }' | sort -u | while read -r library; do
		[[ $(realpath "$library") == "$bin"/* ]] || owner "$library"
	done
	echo ca-certificates
	# What PACKAGES and PAIRS of the Makefile bring for the engines.
	printf '%s\n' pocketsphinx-en-us espeak-ng-data apertium
	dpkg-query -W -f='${db:Status-Status} ${Package}\n' 'apertium-*' 2>/dev/null | awk '$1 == "installed" && $2 !~ /-(dev|all-dev)$/ { print $2 }'
} | sort -u
