#!/bin/sh
# Installs Tributary from a bundle, as a service: the concentrator on a VPS, or the client at home. See docs/installation.md.
set -euf
# Services must be able to read what root installs, however careful root's own umask is.
umask 022
# Of whoever runs this: the programs would keep what they make elsewhere than the services look for it.
unset TRIBUTARY_CONFIG STATE_DIRECTORY

usage() {
  cat << 'TEXT'
Installs Tributary from a bundle, as root, on Linux with systemd.

  sh install.sh --public vps.example.org     the concentrator on this machine, under this name or address
  sh install.sh --client                     the client on this machine; asks for the link of the concentrator
  sh install.sh --rollback                   the version before this one again
  sh install.sh --uninstall                  removes what this script has installed: programs, services, users, keys and configuration;
                                             with --client or --concentrator that one alone

  --from URL|FOLDER     where the bundle is (otherwise beside this file): tributary-VERSION-linux-CPU.tar.gz, with SHA256SUMS;
                        http:// only with --key
  --key FILE            the public key of the release (Ed25519 in PEM, or minisign's): the signature of SHA256SUMS must be right by it
  --listen ADDRESS:PORT where the concentrator listens (otherwise port 8443 of all addresses); can be repeated

Run again with a newer bundle, it upgrades. What is configured stays as it is.
TEXT
}

PREFIX=/opt/tributary
COMMANDS=/usr/local/bin
MANUALS=/usr/local/share/man/man1
UNITS=/etc/systemd/system
CONFIGURATION=/etc/tributary
# The programs that this script has installed, one on a line. Nothing else is ever removed.
MARKER=$PREFIX/.installed

fail() {
  echo "install.sh: $*" >&2
  exit 1
}

say() {
  echo "$*" >&2
}

parse() {
  action= program= public= from= key= listen=
  while [ $# -gt 0 ]; do
    case $1 in
    --public | --from | --key | --listen)
      case ${2-} in '' | -*) fail "$1 needs a value (see --help)" ;; esac
      case $1 in
      --public) once "$1" "$public" "$2" && public=$2 && choose tributary-concentrator ;;
      --from) once "$1" "$from" "$2" && from=$2 ;;
      --key) once "$1" "$key" "$2" && key=$2 ;;
      --listen) listen="$listen $2" ;;
      esac
      shift
      ;;
    --client | --concentrator) choose "tributary-${1#--}" ;;
    --rollback | --uninstall)
      [ -z "$action" ] || [ "$action" = "${1#--}" ] || fail "--rollback and --uninstall do not go together"
      action=${1#--}
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) fail "there is no $1 (see --help)" ;;
    esac
    shift
  done
  [ -n "$action" ] || action=install
  [ "$action" = install ] || [ -z "$public$from$key$listen" ] || fail "--$action takes none of --public, --listen, --from and --key"
  [ "$action" != rollback ] || [ -z "$program" ] || fail '--rollback is for all programs of this machine: they run the same version'
  [ -z "$listen" ] || [ "$program" = tributary-concentrator ] || fail '--listen is for the concentrator: give --public, too'
}

once() {
  [ -z "$2" ] || [ "$2" = "$3" ] || fail "$1 is given twice: $2 and $3"
}

choose() {
  [ -z "$program" ] || [ "$program" = "$1" ] || fail 'one program at a time: --client, or --public and --concentrator'
  program=$1
}

installed_programs() {
  [ ! -f "$MARKER" ] || cat "$MARKER"
}

# Those that can run. Where a first installation failed, one is not configured.
configured_programs() {
  for one in $(installed_programs); do
    [ ! -e "$CONFIGURATION/$one.yaml" ] || echo "$one"
  done
}

# Refuses where others have installed the programs: two of them would hide each other.
check_owner() {
  [ ! -e /usr/lib/tributary ] || fail "packages of this system have installed Tributary: upgrade and remove it with its package manager"
  [ -f "$MARKER" ] || [ ! -e "$PREFIX" ] || [ -z "$(ls -A "$PREFIX")" ] ||
    fail "$PREFIX is there, and not from this script: move it away first"
  # npm has its commands in one of the two, and its manuals beside them.
  for link in $(links) /usr/bin/tributary-client /usr/bin/tributary-concentrator; do
    is_free "$link" || is_ours "$link" ||
      fail "$link is there, and not from this script: remove it first; where npm has put it there, by: npm uninstall --global tributary"
  done
  unit=$UNITS/$program.service
  is_free "$unit" || installed_programs | grep -qx "$program" ||
    fail "$unit is there, and not from this script: remove it first, by: systemctl disable --now $program && rm $unit"
}

is_free() {
  [ ! -e "$1" ] && [ ! -L "$1" ]
}

# What leads to the programs and their manuals from places where systems look for them.
links() {
  for each in tributary-client tributary-concentrator; do echo "$COMMANDS/$each" "$MANUALS/$each.1"; done
}

# Where one of them leads.
target_of() {
  case $1 in
  "$COMMANDS"/*) echo "$PREFIX/current/bin/${1##*/}" ;;
  *) echo "$PREFIX/current/share/man/man1/${1##*/}" ;;
  esac
}

is_ours() {
  [ "$(readlink "$1")" = "$(target_of "$1")" ]
}

# Whether this script is a file, and does not come by a pipe. Then $0 is the name of the shell, and a file of that name means nothing.
is_file() {
  case $0 in *.sh) [ -f "$0" ] ;; *) return 1 ;; esac
}

# Where the link comes from: standard input, unless this script itself comes on it, or else a terminal.
link_source() {
  if is_file && { [ -t 0 ] || [ -p /dev/stdin ] || [ -S /dev/stdin ] || [ -f /dev/stdin ]; }; then
    echo /dev/stdin
  elif (: < /dev/tty) 2> /dev/null; then
    echo /dev/tty
  fi
}

# What would fail later, when the system has been changed already.
check_request() {
  [ -n "$program" ] || program=$(installed_programs | head -n 1)
  [ -n "$program" ] || fail 'say --public NAME for the concentrator, or --client (see --help)'
  # What lies in the current folder may be anybody's.
  [ -n "$from" ] || is_file || fail 'this script comes by a pipe: say by --from where the bundle is'
  case $from in
  http://*) [ -n "$key" ] || fail 'over http:// anybody on the way can change the bundle: give --key, or https://' ;;
  esac
  [ ! -e "$CONFIGURATION/$program.yaml" ] || return 0
  if [ "$program" = tributary-concentrator ]; then
    [ -n "$public" ] || fail 'give the name or address of this machine by --public (see --help)'
  elif [ -z "$(link_source)" ]; then
    fail 'the link of the concentrator is asked for: run this at a terminal, or give the link on standard input'
  fi
}

check_system() {
  [ "$(id -u)" = 0 ] || fail 'run this as root, for example with sudo'
  [ "$(uname -s)" = Linux ] || fail 'this is not Linux: see docs/installation.md for other systems'
  case $(uname -m) in
  x86_64 | amd64) cpu=x64 loader=/lib64/ld-linux-x86-64.so.2 ;;
  aarch64 | arm64) cpu=arm64 loader=/lib/ld-linux-aarch64.so.1 ;;
  *) fail "there is no bundle for $(uname -m): see docs/installation.md for how to run it with a Node.js of your own" ;;
  esac
  [ -e "$loader" ] || fail 'this system lacks the GNU C library, which the bundle needs: see docs/installation.md'
  for tool in tar gzip sha256sum useradd; do
    command -v "$tool" > /dev/null || fail "$tool is missing: install it first"
  done
  for folder in "$PREFIX" "$COMMANDS" "$MANUALS" "$UNITS" "$CONFIGURATION"; do
    while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
    [ -w "$folder" ] || fail "$folder is read-only: see docs/installation.md for how to run the bundle from another folder"
  done
}

# Puts a file of the release into $work: from beside this script, a folder, or a URL.
take() {
  case $from in
  http://* | https://*)
    if command -v curl > /dev/null; then
      curl --fail --silent --show-error --location --proto-redir =https --max-time 600 --output "$work/$1" "${from%/}/$1"
    elif command -v wget > /dev/null; then
      # It cannot be kept from following https:// to http://, so it follows only what a signature protects.
      if [ -n "$key" ]; then redirects=5; else redirects=0; fi
      timeout 600 wget --no-verbose --tries=2 --timeout=60 --max-redirect="$redirects" --output-document="$work/$1" "${from%/}/$1" || {
        [ -n "$key" ] || say 'Without --key, wget follows no redirect: install curl, or give the address that it leads to.'
        return 1
      }
    else
      fail 'neither curl nor wget is there: install one, or put the bundle beside this file'
    fi
    ;;
  *) [ -f "$from/$1" ] && cp "$from/$1" "$work/$1" ;;
  esac
}

# By the key's own program: minisign, or openssl for an Ed25519 key in PEM.
check_signature() {
  [ -f "$key" ] || fail "there is no $key"
  case $(head -n 1 "$key") in
  'untrusted comment:'*) tool=minisign signature=SHA256SUMS.minisig ;;
  *) tool=openssl signature=SHA256SUMS.sig ;;
  esac
  command -v "$tool" > /dev/null || fail "$tool is missing, which checks the signature: install it first"
  if [ "$tool" = openssl ]; then
    case $(openssl pkeyutl -help 2>&1) in
    *-rawin*) ;;
    *) fail 'this openssl cannot check the signature: it takes version 3.0 or later, or a key of minisign' ;;
    esac
  fi
  take "$signature" || fail "there is no $signature in $from"
  if [ "$tool" = minisign ]; then
    minisign -Vq -p "$key" -m "$work/SHA256SUMS" -x "$work/$signature"
  else
    openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$work/SHA256SUMS" -sigfile "$work/$signature" > /dev/null 2>&1
  fi
}

# Brings the bundle and checks it. Sets $bundle, its name without .tar.gz.
fetch_bundle() {
  [ -n "$from" ] || from=$(dirname "$0")
  take SHA256SUMS || fail "there is no SHA256SUMS in $from"
  if [ -n "$key" ]; then
    check_signature || fail "the signature of SHA256SUMS is not of $key: download the files again, from their maker"
    say 'The signature is right.'
  else
    case $from in https://*) say 'No --key was given: the checksums show damage, not who made them.' ;; esac
  fi
  # Of several versions the latest: what comes before a release, such as 1.2.3-rc.1, sorts before it.
  version='tributary-[0-9]+\.[0-9]+\.[0-9]+'
  line=$(grep -E "^[0-9a-f]{64} [ *]tributary-[0-9A-Za-z.-]+-linux-$cpu\.tar\.gz\$" "$work/SHA256SUMS" |
    sed -E "s/($version)-(.*-linux-)/\1~\2/" | sort -k 2 -V | tail -n 1 | sed -E "s/($version)~/\1-/")
  [ -n "$line" ] || fail "SHA256SUMS names no bundle for linux-$cpu"
  archive=${line#* }
  archive=${archive#[ *]}
  bundle=${archive%.tar.gz}
  take "$archive" || fail "there is no $archive in $from"
  (cd "$work" && echo "$line" | sha256sum -c > /dev/null 2>&1) || fail "$archive is damaged: bring it again"
}

# Two names: current is what runs, previous what ran before. Nothing of what runs is touched before the new one has proven to run here.
# Sets $before, what ran until now, where that is another one.
place_bundle() {
  before=
  mkdir -p "$PREFIX"
  touch "$MARKER"
  now=$(readlink "$PREFIX/current" || true)
  if [ "$now" = "$bundle" ] && "$PREFIX/current/bin/$program" --version > /dev/null 2>&1; then
    say "$bundle is installed already."
    return
  fi
  rm -rf "$PREFIX/.new"
  mkdir "$PREFIX/.new"
  tar -xzf "$work/$bundle.tar.gz" -C "$PREFIX/.new" --no-same-owner || fail "$bundle cannot be unpacked to $PREFIX"
  "$PREFIX/.new/$bundle/bin/$program" --version > /dev/null ||
    fail "$bundle does not run on this system: it needs the GNU C library 2.28 or later, and libstdc++"
  check_configurations "$PREFIX/.new/$bundle"
  # It may be there, damaged or as the one before; a name that leads to it does so at any time.
  [ ! -e "$PREFIX/$bundle" ] || mv "$PREFIX/$bundle" "$PREFIX/.new/replaced"
  mv "$PREFIX/.new/$bundle" "$PREFIX/$bundle"
  rm -rf "$PREFIX/.new"
  older=$(readlink "$PREFIX/previous" || true)
  # A rollback that was interrupted is not gone on with after that.
  rm -f "$PREFIX/.rollback"
  # The same again, which was damaged, is no other version.
  if [ -n "$now" ] && [ "$now" != "$bundle" ]; then
    before=$now
    name_bundle "$before" previous
  fi
  name_bundle "$bundle" current
}

# Refuses a version, by its folder, that does not understand what is configured: its program ends with 2 then. What fails otherwise, such as a
# network, does not count.
check_configurations() {
  for each in $(configured_programs); do
    status=0
    said=$(timeout 60 "$1/bin/$each" check --config "$CONFIGURATION/$each.yaml" 2>&1 < /dev/null) || status=$?
    [ "$status" != 2 ] || fail "${1##*/} refuses $CONFIGURATION/$each.yaml: nothing is changed. Correct the file, and run this again. $said"
  done
}

# The version that ran before runs on, and the new one goes.
take_back() {
  say "$bundle is taken back: $before runs again."
  name_bundle "$before" current
  [ "$older" = "$bundle" ] || rm -rf "${PREFIX:?}/$bundle"
  if [ -d "$PREFIX/${older:-none}" ]; then name_bundle "$older" previous; else rm -f "$PREFIX/previous"; fi
  run_services || true
}

# All but what runs and what ran before it.
remove_older() {
  rm -f "$PREFIX/.rollback"
  old=$(readlink "$PREFIX/previous" || true)
  for folder in $(ls "$PREFIX"); do
    case $folder in "$bundle" | "$old") ;; tributary-*) rm -rf "${PREFIX:?}/$folder" ;; esac
  done
}

# In one step, whenever it is interrupted.
name_bundle() {
  ln -sfn "$1" "$PREFIX/.name"
  mv -fT "$PREFIX/.name" "$PREFIX/$2"
}

place_commands() {
  mkdir -p "$COMMANDS" "$MANUALS"
  for link in $(links); do ln -sfn "$(target_of "$link")" "$link"; done
}

# From here on, there is something of it to uninstall.
add_user() {
  if ! installed_programs | grep -qx "$program"; then
    [ ! -e "$CONFIGURATION/$program.yaml" ] ||
      say "$CONFIGURATION/$program.yaml was there before: it is used as it is, and --uninstall removes it, too."
    echo "$program" >> "$MARKER"
  fi
  getent group "$program" > /dev/null || groupadd --system "$program"
  getent passwd "$program" > /dev/null ||
    useradd --system --gid "$program" --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$program"
  mkdir -p "$CONFIGURATION"
  chmod 755 "$CONFIGURATION"
  # What root has configured before there was a service, the service may read.
  for file in $(configuration_of "$program"); do
    [ "$(stat -c %u:%g "$CONFIGURATION/$file" 2> /dev/null)" != 0:0 ] || {
      chgrp "$program" "$CONFIGURATION/$file"
      chmod g+r "$CONFIGURATION/$file"
    }
  done
}

# The files that a program has in $CONFIGURATION.
configuration_of() {
  case $1 in
  tributary-client) echo tributary-client.yaml ;;
  *) echo tributary-concentrator.yaml certificate.pem key.pem clients.yaml certificate.next.pem key.next.pem database-password ;;
  esac
}

# All programs of this machine, with the current version: none must run on from one that goes away. One that fails does not keep the others
# from it. Returns 1 then.
run_services() {
  failed=
  for program in $(configured_programs); do
    is_new=
    [ -e "$UNITS/$program.service" ] || is_new=yes
    { place_unit && start; } || failed="$failed $program"
  done
  [ -z "$failed" ]
}

place_unit() {
  mkdir -p "$UNITS"
  sed "s|^Documentation=.*|Documentation=man:$program(1)|" "$PREFIX/current/share/tributary/systemd/$program.service" \
    > "$UNITS/.$program.service.new" &&
    mv "$UNITS/.$program.service.new" "$UNITS/$program.service"
}

# Makes a configuration, unless there is one. What must not be lost, the link, goes to stdout.
configure() {
  [ ! -e "$CONFIGURATION/$program.yaml" ] || return 0
  if [ "$program" = tributary-client ]; then
    # Not by the name of standard input, which cannot be opened where it is a socket.
    case $(link_source) in /dev/tty) "$COMMANDS/tributary-client" join < /dev/tty ;; *) "$COMMANDS/tributary-client" join ;; esac
    return
  fi
  set -- init --public "$public" --qr
  for address in $listen; do set -- "$@" --listen "$address"; done
  "$COMMANDS/tributary-concentrator" "$@"
}

# Returns 1 where it does not run then. What an administrator has switched off stays off, unless it was asked for.
start() {
  if [ ! -d /run/systemd/system ]; then
    say "systemd does not run here: start it yourself: $program"
    return
  fi
  systemctl daemon-reload
  if [ -n "$is_new" ] || [ "$program" = "$wanted" ]; then
    systemctl --quiet enable "$program"
  elif is_off; then
    say "$program is switched off, and stays so: systemctl enable --now $program"
    return
  fi
  # Running this again must not break connections.
  runs_current || restart
  if ! stays_up; then
    say "$program does not run: journalctl -n 20 -u $program says why, and $program doctor what mends it."
    return 1
  fi
  say "$program runs. What it does: systemctl status $program; $program status"
}

# Whether an administrator has switched it off.
is_off() {
  ! systemctl --quiet is-enabled "$program" && ! systemctl --quiet is-active "$program"
}

# A program that cannot start ends at once, and systemd may start it again and again. What ran before may take its time to end.
stays_up() {
  for try in 1 2 3 4 5; do
    sleep 1
    pid=$(main_pid)
    sleep 1
    state=$(systemctl is-active "$program" || true)
    case $state in
    active) [ "$pid" = 0 ] || [ "$pid" != "$(main_pid)" ] || return 0 ;;
    failed | inactive) return 1 ;;
    esac
  done
  return 1
}

main_pid() {
  systemctl show --property MainPID --value "$program"
}

runs_current() {
  [ "$(readlink "/proc/$(main_pid)/exe" || true)" = "$(readlink -f "$PREFIX/current/lib/node")" ]
}

# What runs lets its connections finish for a while, in which nothing new can connect. A second signal ends that: what is short has come to
# its end by then, and a short break for all is better than a long one.
restart() {
  pid=$(main_pid)
  systemctl --no-block restart "$program"
  [ "$pid" != 0 ] || return 0
  sleep 0.2 2> /dev/null || sleep 1
  [ "$(main_pid)" != "$pid" ] || kill "$pid" 2> /dev/null || true
}

# What is to be done for the concentrator that was asked for.
tell_concentrator() {
  if [ -n "$is_configured" ]; then
    # An upgrade needs none of this.
    [ -n "$public$listen" ] || return 0
    say "$CONFIGURATION/tributary-concentrator.yaml was there and stays as it is, whatever --public and --listen say; no link is printed."
    say 'For a link: tributary-concentrator client add NAME --qr'
    listen=$(timeout 20 "$COMMANDS/tributary-concentrator" check 2> /dev/null | sed -n 's/^listens at//p' | sed 's/([^)]*)//g; s/,//g')
  fi
  ports=
  for address in ${listen:-:8443}; do ports="$ports ${address##*:}"; done
  for port in $(printf '%s\n' $ports | sort -u); do
    say "Nothing was opened. Let port $port in, for TCP and UDP, here and at your provider. Where this machine filters packets, for example by"
    if command -v ufw > /dev/null; then
      say "  ufw allow $port"
    elif command -v firewall-cmd > /dev/null; then
      say "  firewall-cmd --permanent --add-port=$port/tcp --add-port=$port/udp && firewall-cmd --reload"
    else
      say "  nft insert rule inet filter input meta l4proto { tcp, udp } th dport $port accept"
    fi
  done
}

install_bundle() {
  wanted=$program
  check_request
  check_owner
  work=$(mktemp -d)
  trap clean_up EXIT
  # Not every shell runs the other trap then.
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  fetch_bundle
  place_bundle
  place_commands
  add_user
  is_configured=
  [ ! -e "$CONFIGURATION/$program.yaml" ] || is_configured=yes
  new=$program
  configure || {
    [ -z "$before" ] || take_back
    fail "$new is not configured: run this again when what is said above is mended"
  }
  if ! run_services; then
    if [ -z "$before" ]; then
      [ "$new" != tributary-concentrator ] || say 'The link stays good. For another: tributary-concentrator client add NAME --qr'
      [ "$(readlink "$PREFIX/previous")" = "" ] || say "To have $(readlink "$PREFIX/previous") again: --rollback"
      fail "not all of it runs. When that is mended, run this again"
    fi
    take_back
    fail "$before is what is installed, as before"
  fi
  remove_older
  [ "$new" != tributary-concentrator ] || tell_concentrator
}

clean_up() {
  rm -rf "$work" "$PREFIX/.new"
  # A first installation that came to no end leaves nothing.
  if [ -f "$MARKER" ] && [ ! -s "$MARKER" ] && [ ! -L "$PREFIX/current" ]; then remove_prefix; fi
}

rollback() {
  wanted=
  put_back
  previous=$(readlink "$PREFIX/previous" || true)
  current=$(readlink "$PREFIX/current" || true)
  [ -n "$previous" ] && [ -d "$PREFIX/$previous" ] && [ "$previous" != "$current" ] || fail 'there is no version before this one'
  check_configurations "$PREFIX/$previous"
  echo "$previous $current" > "$PREFIX/.rollback"
  name_bundle "$previous" current
  name_bundle "$current" previous
  say "$previous instead of $current"
  runs=yes
  run_services || runs=
  rm "$PREFIX/.rollback"
  [ -n "$runs" ] || fail 'not all of it runs'
}

# Gives the names of before a rollback that was interrupted, which then is brought to its end by another one, and not undone.
put_back() {
  [ -s "$PREFIX/.rollback" ] || return 0
  read -r current previous < "$PREFIX/.rollback"
  if ! is_over && [ -d "$PREFIX/$previous" ]; then
    name_bundle "$previous" current
    name_bundle "$current" previous
  fi
  rm "$PREFIX/.rollback"
}

# Whether all of a rollback that was interrupted long ago has come since, for example by a start of the machine. Whoever has just interrupted
# one wants its end.
is_over() {
  [ -n "$(find "$PREFIX/.rollback" -mmin +60)" ] || return 1
  [ "$(readlink "$PREFIX/current")" = "$current" ] && [ "$(readlink "$PREFIX/previous")" = "$previous" ] || return 1
  [ -d /run/systemd/system ] || return 0
  for program in $(configured_programs); do
    is_off || runs_current || return 1
  done
}

uninstall() {
  [ -f "$MARKER" ] || fail 'this script has installed nothing here'
  for each in $(installed_programs); do
    if [ -z "$program" ] || [ "$program" = "$each" ]; then remove_program "$each"; fi
  done
  if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
  [ -z "$(installed_programs)" ] || return 0
  for link in $(links); do
    if is_ours "$link"; then rm -f "$link"; fi
  done
  rmdir "$MANUALS" "$CONFIGURATION" 2> /dev/null || true
  remove_prefix
}

# The marker goes last: should this be interrupted, it can be run again.
remove_prefix() {
  empty "$PREFIX" ! -path "$MARKER"
  rm -rf "$MARKER" "$PREFIX"
}

# Removes what is in a folder, also where that is a link to one elsewhere, as for more room. Further words say which part, as `find` takes them.
empty() {
  folder=$1
  shift
  [ ! -d "$folder" ] || find "$folder/" -mindepth 1 -maxdepth 1 "$@" -exec rm -rf {} +
}

# Whether a package of this system has a program, too. Then configuration, keys, state and user are the package's as well.
is_packaged() {
  [ -e "/usr/lib/tributary/bin/$1" ]
}

# With its keys and configuration; what others have put into the folder stays.
remove_program() {
  # A socket that an administrator has put there would start the service again.
  socket=
  if [ -e "$UNITS/$1.socket" ] && ! is_packaged "$1"; then socket=$1.socket; fi
  if [ -d /run/systemd/system ]; then
    for unit in $socket "$1.service"; do systemctl --quiet stop "$unit" || true; done
  fi
  running=$(processes_of "$1")
  [ -z "$running" ] || fail "$1 runs on, as process" $running": stop it first; nothing of it is removed"
  if is_packaged "$1"; then
    if [ -d /run/systemd/system ]; then systemctl --quiet disable "$1.service" || true; fi
    rm -f "$UNITS/$1.service"
    sed -i "/^$1\$/d" "$MARKER"
    say "$1 is removed. Its keys and configuration stay: a package of this system has it, too. To start that: systemctl enable --now $1"
    return
  fi
  # Users' programs must not go on asking for a proxy that is gone. The program does it with the rights of each user.
  if [ "$1" = tributary-client ]; then timeout 120 "$PREFIX/current/bin/$1" unset-proxy --all-users >&2 || true; fi
  for file in $(configuration_of "$1"); do
    rm -f "$CONFIGURATION/$file" "$CONFIGURATION/$file.lock"
    # What a program was writing when it was killed holds keys, too.
    empty "$CONFIGURATION" -type f -name ".$file.*"
  done
  case $1 in
  tributary-client) state=/var/lib/tributary ;;
  *) state=/var/lib/tributary-concentrator ;;
  esac
  empty "$state"
  rm -rf "$state"
  if getent passwd "$1" > /dev/null; then userdel "$1"; fi
  if getent group "$1" > /dev/null; then groupdel "$1"; fi
  [ -z "$socket" ] || remove_unit "$socket" sockets.target
  remove_unit "$1.service" multi-user.target
  sed -i "/^$1\$/d" "$MARKER"
  say "$1 is removed, with its keys and configuration."
}

# Stops a unit, and takes it away with what an administrator has added to it.
remove_unit() {
  if [ -d /run/systemd/system ]; then systemctl --quiet disable --now "$1" || true; fi
  rm -f "$UNITS/$1" "$UNITS/$2.wants/$1"
  rm -rf "$UNITS/$1.d"
}

# Those of a user. In containers, which have a root of their own, users of other names have the same numbers.
processes_of() {
  here=$(stat -L -c %d:%i /)
  for process in $(find /proc -mindepth 1 -maxdepth 1 -name '[0-9]*' -user "$1" 2> /dev/null); do
    [ "$(stat -L -c %d:%i "$process/root" 2> /dev/null)" != "$here" ] || echo "${process#/proc/}"
  done
}

# Two at once would take each other's files away. The lock ends with this process.
lock() {
  if command -v flock > /dev/null && [ -w /run ]; then
    exec 9> /run/tributary-install.lock
    flock -w 60 9 || fail 'another install.sh is at work: try again when it has finished'
  fi
}

main() {
  parse "$@"
  check_system
  lock
  case $action in
  rollback) rollback ;;
  uninstall) uninstall ;;
  install) install_bundle ;;
  esac
}

# Only when all of it has arrived.
main "$@"
