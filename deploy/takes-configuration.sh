#!/bin/sh
# Whether the version that a package has brought takes the configuration that is there: takes-configuration.sh PROGRAM. Ends with 1, and says
# why, where the program refuses it. What fails otherwise, such as a network, does not count.
set -eu
file=/etc/tributary/$1.yaml
[ -e "$file" ] || exit 0
status=0
said=$(timeout 60 "${0%/*}/bin/$1" check --config "$file" 2>&1 > /dev/null < /dev/null) || status=$?
[ "$status" = 2 ] || exit 0
cat >&2 << TEXT
$1: this version refuses $file:
$said
What ran before the upgrade runs on until it ends. Correct the file and run "systemctl restart $1", or install the version before again.
TEXT
exit 1
