#!/bin/sh
# Installs $PACKAGES from apk. What this release does not have is left out, and named; the list stays
# in /usr/share/aftercancel/not-here. Untested, as the image.
set -eu
: "${PACKAGES:?must name packages: aftercancel images packages apk}"
apk update
mkdir -p /usr/share/aftercancel
: >/usr/share/aftercancel/not-here
here=
for package in $PACKAGES; do
  if apk search --exact --quiet "$package" | grep -q .; then
    here="$here $package"
  else
    echo "aftercancel: $package is not in this release; it is left out."
    echo "$package" >>/usr/share/aftercancel/not-here
  fi
done
# shellcheck disable=SC2086 # the list is one
apk add --no-cache $here
rm -rf /var/cache/apk/*
# The catalogue's shells are in /bin, as Debian has them.
for shell in ksh93 mksh zsh yash; do
  path=$(command -v "$shell" || true)
  if [ -n "$path" ] && [ ! -e "/bin/$shell" ]; then ln -s "$path" "/bin/$shell"; fi
done
if [ ! -e /usr/bin/yash ] && [ -e /bin/yash ]; then ln -s /bin/yash /usr/bin/yash; fi
