#!/usr/bin/env bash
# Installs the system packages that are missing when root, else names them in one line. `tests`: what only the tests need, too.
set -euo pipefail
declare -A package=([g++]=g++ [iverilog]=iverilog [tclsh]=tcl)
missing=()
for program in "${!package[@]}"; do
    command -v "$program" >/dev/null || missing+=("${package[$program]}")
done
if [ "${1:-}" = tests ] && [ -z "$(type -P chromium chromium-browser google-chrome || true)" ]; then
    missing+=(chromium)
fi
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "${missing[@]}" >/dev/null
else
    echo "missing system packages: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
