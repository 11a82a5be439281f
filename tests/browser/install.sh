#!/bin/sh
# Chromium for the tests in a browser, from Debian: no driver or browser of another origin is fetched.
set -eu
command -v chromium >/dev/null && exit 0
if [ "$(id -u)" -ne 0 ]; then
    echo "chromium is missing: as root, apt-get install chromium" >&2
    exit 1
fi
apt-get update --quiet
apt-get install --yes --no-install-recommends chromium
