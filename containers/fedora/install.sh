#!/bin/sh
# Installs $PACKAGES from dnf. What this release does not have is left out, and named; the list stays
# in /usr/share/aftercancel/not-here. Untested, as the image.
set -eu
: "${PACKAGES:?must name packages: aftercancel images packages dnf}"
mkdir -p /usr/share/aftercancel
: >/usr/share/aftercancel/not-here
here=
for package in $PACKAGES; do
  if dnf --quiet repoquery --available "$package" | grep -q .; then
    here="$here $package"
  else
    echo "aftercancel: $package is not in this release; it is left out."
    echo "$package" >>/usr/share/aftercancel/not-here
  fi
done
# shellcheck disable=SC2086 # the list is one
dnf install --assumeyes --setopt=install_weak_deps=False $here
dnf clean all
# The catalogue's names, as Debian has them: ksh is 93u+m here.
if [ ! -e /bin/ksh93 ] && command -v ksh >/dev/null; then ln -s "$(command -v ksh)" /bin/ksh93; fi
