#!/bin/sh
# Installs $PACKAGES from apt. What this release does not have is left out, and named; the list stays
# in /usr/share/aftercancel/not-here. No service is started: there is no init (invoke-rc.d(8)).
set -eu
: "${PACKAGES:?must name packages: aftercancel images packages apt}"
export DEBIAN_FRONTEND=noninteractive
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

# Else it takes mirrors that cannot be reached for a success.
apt-get update --quiet --error-on=any
mkdir -p /usr/share/aftercancel
: >/usr/share/aftercancel/not-here
here=
for package in $PACKAGES; do
  # A name that other packages only provide or mention has no candidate.
  if LC_ALL=C apt-cache policy "$package" | grep -q '^  Candidate: [^(]'; then
    here="$here $package"
  else
    echo "aftercancel: $package is not in this release; it is left out."
    echo "$package" >>/usr/share/aftercancel/not-here
  fi
done
# shellcheck disable=SC2086 # the list is one
apt-get install --yes --quiet --no-install-recommends $here

rm -rf /usr/sbin/policy-rc.d /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
# What sshd's package made is the same in every container otherwise; the lab makes keys of its own.
rm -f /etc/ssh/ssh_host_*
