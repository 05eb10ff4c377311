#!/bin/sh
# uv, which Debian does not have: from its wheel, whose programs lie in *.data/scripts (PEP 427). A
# wheel in /build/wheels was fetched before; else pip, which goes again, asks the package index.
set -eu
cd /build
if ! ls wheels/*.whl >/dev/null 2>&1; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update --quiet --error-on=any
  apt-get install --yes --quiet --no-install-recommends python3-pip ca-certificates
  python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes \
    --dest wheels --requirement requirements.txt
  apt-get purge --yes --quiet --auto-remove python3-pip
  rm -rf /var/lib/apt/lists/*
fi
python3 -I -m zipfile -e wheels/uv-*.whl unpacked
install -m 755 unpacked/uv-*.data/scripts/uv /usr/local/bin/uv
rm -rf /build
uv --version
