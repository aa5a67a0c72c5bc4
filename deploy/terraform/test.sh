#!/usr/bin/env bash
# Formatting, validity, and what each requirement in README.md comes to in a
# plan. No account is needed: AWS is mocked. What init leaves in the examples stays
# (.terraform, which git ignores), so that terraform validate works there afterwards.
set -euo pipefail
cd "$(dirname "$0")"

# A line "SKIPPED: why" is counted by make test as not tried.
skip() {
	echo "SKIPPED: deploy/terraform: $*"
	exit 0
}

command -v terraform >/dev/null || skip "no terraform (1.11 or newer)"

# Where the registry is not reached, a folder of providers, as of
# terraform providers mirror or in plugin form, stands in for it.
plugins=
for folder in "${TERRAFORM_PLUGINS:-}" /opt/tf-plugins /usr/local/share/terraform/plugins; do
	if [[ -n $folder && -d $folder/registry.terraform.io/hashicorp/aws ]]; then
		plugins=-plugin-dir=$folder
		break
	fi
done

data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
export CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
# A setting that names no file is a warning in front of every answer.
[[ -f ${TF_CLI_CONFIG_FILE:-} ]] || unset TF_CLI_CONFIG_FILE

echo "terraform: fmt"
terraform fmt -check -diff -recursive .

for root in examples/dev examples/prod .; do
	unset TF_DATA_DIR
	[[ $root != . ]] || export TF_DATA_DIR=$data/root
	echo "terraform: $root"
	if ! timeout 120 terraform -chdir=$root init -backend=false -input=false -lockfile=readonly -no-color $plugins >"$data/log" 2>&1; then
		cat "$data/log" >&2
		grep -q 'Failed to query available provider packages' "$data/log" || exit 1
		skip "neither the registry nor a folder of providers (TERRAFORM_PLUGINS) has the AWS provider"
	fi
	# The tests say whether the rest is valid.
	[[ $root == . ]] || terraform -chdir=$root validate -no-color
done

echo "terraform: test"
terraform test -no-color
