#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The tarball of `meson dist`, the Debian package built of it, and that package in a fresh Debian: it installs with its
# dependencies, runs the example, and purges without leaving anything. As root, since it makes a chroot and mounts /proc
# in it; takes the mirror from apt's own configuration. Prints TAP; exits 0 only if all is well.
set -euo pipefail
. "$(dirname "$0")/../../scripts/lib.sh"

work=$(mktemp -d "${TMPDIR:-/tmp}/modjail-deb.XXXXXX")
chroot=$work/chroot
cleanup() {
  # A mount that stayed must not be deleted through.
  if mountpoint -q "$chroot/proc" && ! umount "$chroot/proc" && ! umount -l "$chroot/proc"; then
    echo "# $chroot/proc is still mounted: $work is left as it is" >&2
    return
  fi
  rm -rf --one-file-system -- "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

tests=0
failed=0
# check WHAT COMMAND...: what the command writes is shown if it fails.
check() {
  local what=$1
  shift
  tests=$((tests + 1))
  if "$@" > "$work/log" 2>&1; then
    echo "ok $tests - $what"
  else
    failed=$((failed + 1))
    echo "not ok $tests - $what"
    tail -n 40 "$work/log" | sed 's/^/#   /'
    return 1
  fi
}
finish() {
  echo "1..$tests"
  [ "$failed" -eq 0 ]
  exit
}

# ---- tarball and package ---------------------------------------------------------------------------

# The working tree as it is, committed to a repository of its own: `meson dist` packs what is committed.
make_clone() {
  mkdir "$work/clone"
  cd "$root"
  if git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
    git ls-files -coz --exclude-standard | while IFS= read -r -d '' file; do
      if [ -e "$file" ] || [ -L "$file" ]; then
        printf '%s\0' "$file"
      fi
    done | tar --null -T - -cf - | tar -C "$work/clone" -xf -
  else
    tar --exclude='./build*' -cf - . | tar -C "$work/clone" -xf -
  fi
  cd "$work/clone"
  git init -q
  git add -A -f
  git -c user.name=test -c user.email=test@localhost commit -q -m 'as it is'
}

make_tarball() {
  meson setup "$work/build" "$work/clone" > "$work/setup.log" 2>&1 || { cat "$work/setup.log"; return 1; }
  meson dist -C "$work/build" --no-tests --formats gztar
  mkdir "$work/source"
  tar -C "$work/source" --strip-components=1 -xf "$work"/build/meson-dist/modjail-*.tar.gz
}

tarball_is_complete() {
  diff -r --exclude=.git "$work/clone" "$work/source"
}

make_package() {
  cd "$work/source"
  # The tests of the tree have run by themselves.
  DEB_BUILD_OPTIONS="nocheck parallel=$(nproc)" dpkg-buildpackage -us -uc -b
}

# ---- a fresh Debian --------------------------------------------------------------------------------

# "ADDRESS CODENAME" of Debian itself among apt's sources.
mirror() {
  # shellcheck disable=SC2016 # apt's own variables
  apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT) $(ORIGIN)' 'Created-By: Packages' |
    awk -v codename="$(. /etc/os-release && echo "$VERSION_CODENAME")" \
      '$2 == codename && $3 == "main" && $4 == "Debian" { print $1, $2; found = 1; exit } END { exit !found }'
}

make_chroot() {
  local address codename proxy
  read -r address codename < <(mirror) || { echo 'no mirror of Debian among the sources of apt'; return 1; }
  proxy=$(apt-config dump --format '%v' Acquire::http::Proxy)
  http_proxy=${http_proxy:-$proxy} debootstrap --variant=minbase "$codename" "$chroot" "$address"
  mount -t proc proc "$chroot/proc"
  if [ -n "$proxy" ]; then
    apt-config dump Acquire::http::Proxy > "$chroot/etc/apt/apt.conf.d/proxy"
  fi
  cp /etc/resolv.conf "$chroot/etc/resolv.conf"
}

inside() {
  env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root \
    chroot "$chroot" "$@" < /dev/null
}

# Everything that a package could put somewhere, but for what dpkg and apt keep.
files() {
  (cd "$chroot" && find etc usr opt srv bin sbin lib var -xdev -not -path 'var/lib/dpkg/*' -not -path 'var/lib/apt/*' \
    -not -path 'var/cache/*' -not -path 'var/log/*' | sort)
}

install_package() {
  cp "$work"/modjail_*.deb "$chroot/root/modjail.deb"
  # First its dependencies are missing, then apt finds them.
  if inside dpkg -i /root/modjail.deb; then
    echo 'dpkg should have missed the libraries'
    return 1
  fi
  inside apt-get -f install -y -qq --no-install-recommends
  [ "$(inside dpkg-query -W -f '${db:Status-Status}' modjail)" = installed ]
}

all_there() {
  local file list
  list=$(dpkg -c "$work"/modjail_*.deb)
  for file in bin/modjail 'lib/[^/]*/modjail/libmodjail_preload.so' share/man/man1/modjail.1.gz share/man/man5/modjail.yaml.5.gz share/modjail/modjail.schema.json \
    share/bash-completion/completions/modjail share/zsh/vendor-completions/_modjail \
    share/fish/vendor_completions.d/modjail.fish share/doc/modjail/copyright; do
    # The package itself tells: what is installed may lack documents (dpkg's path-exclude).
    grep -q " \./usr/$file$" <<< "$list" || { echo "the package lacks usr/$file"; return 1; }
  done
}

put_example() {
  local go
  go=$(find_go) || { echo 'no Go to build the example with'; return 1; }
  mkdir "$chroot/root/demo"
  (cd "$root/examples/victim" &&
    CGO_ENABLED=0 GOPROXY=off GOTOOLCHAIN=local GOWORK=off GOFLAGS=-buildvcs=false "$go" build -o "$chroot/root/demo/victim" .)
  cp "$root/examples/victim/go.mod" "$chroot/root/demo/go.mod"
  echo 'token = not-a-real-secret' > "$chroot/root/demo/credentials"
}

example() { # COMMAND...
  rm -f "$chroot/root/demo/owned"
  inside env MODJAIL_DEMO_DIR=/root/demo MODJAIL_DEMO_ADDR=127.0.0.1:1 "$@" > "$work/out" 2>&1
  cat "$work/out"
  grep -qx '2 + 3 = 5' "$work/out"
}

example_alone() {
  example /root/demo/victim
  grep -qx 'poisoned: shell command ran' "$work/out"
  grep -qx 'poisoned: credential file read' "$work/out"
  [ -e "$chroot/root/demo/owned" ]
}

example_jailed() {
  example modjail run --go-mod=/root/demo/go.mod -- /root/demo/victim
  grep -qx 'poisoned: shell command failed: operation not permitted' "$work/out"
  grep -qx 'poisoned: credential file failed: operation not permitted' "$work/out"
  [ ! -e "$chroot/root/demo/owned" ]
  grep -q '^modjail: refused execve (EXEC) for example.com/poisoned' "$work/out"
}

purge() {
  inside dpkg --purge modjail
  files > "$work/after"
  # What was there before, and the libraries that stay, are the only difference that may be.
  if grep modjail "$work/after"; then
    echo 'stayed behind'
    return 1
  fi
  [ -z "$(comm -13 "$work/after" "$work/before" | grep -v '^etc/ld.so.cache$')" ]
}

# ----------------------------------------------------------------------------------------------------

if [ "$(id -u)" -ne 0 ]; then
  echo '1..0 # SKIP not root: no chroot can be made'
  exit 0
fi
step() { # WHAT FUNCTION
  check "$1" bash -c 'set -euo pipefail; . "$1"; "$2"' step "$work/functions" "$2"
}
{
  declare -p root work chroot newest_go
  declare -f
} > "$work/functions"

step 'the tree can be committed' make_clone || finish
step 'meson dist makes a tarball' make_tarball || finish
step 'everything is in it' tarball_is_complete || finish
step 'dpkg-buildpackage makes a package of it' make_package || finish
step 'everything is in that' all_there || true
if command -v lintian > /dev/null; then
  # That an upload to Debian closes a bug, and the maintainer's address, are for whoever uploads.
  check 'lintian has nothing against it' lintian --fail-on error,warning --allow-root \
    --suppress-tags initial-upload-closes-no-bugs,bogus-mail-host,bogus-mail-host-in-debian-changelog "$work"/modjail_*.deb || true
else
  tests=$((tests + 1))
  echo "ok $tests - lintian has nothing against it # SKIP lintian is not installed"
fi
step 'a fresh Debian' make_chroot || finish
files > "$work/before"
step 'the package installs, with what it needs' install_package || finish
check 'modjail doctor finds all that is needed' inside modjail doctor || true
check 'its version' test "modjail $(cd "$root" && sed -n "s/^  version: '\([0-9.]*\)',/\1/p" meson.build)" = "$(inside modjail --version)" || true
step 'the example is there' put_example || finish
step 'control: without modjail the example does harm' example_alone || true
step 'with modjail it does not' example_jailed || true
step 'the package purges, and leaves nothing' purge || true
finish
