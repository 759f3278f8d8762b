#!/usr/bin/env bash
# Runs the tests of what depends most on Node.js - sockets, TLS, the built programs - on other versions of it, from the npm package
# "node": on the newest of each line but the one that runs this, or on those that are named: npm run test:node-versions -- 24 26.1.0
set -euo pipefail
cd "$(dirname "$0")/.."

VERSIONS=(20 22 24 26)
running=$(node --print 'process.versions.node.split(".")[0]')
(($# > 0)) || set -- "${VERSIONS[@]/#$running/}"
TESTS=(
  test/protocol/session test/runtime test/client-proxy/uplink test/client-proxy/http
  test/end-to-end/{process/command-output,process/standard-output,access,direct-through-proxy,observe,refusals,restart,status,streams}.test.ts
)
# A reporter without the line that ends `npm test`: these are no other tests.
VITEST=(node_modules/vitest/vitest.mjs run --reporter=dot --project core --project unit --project isolated --project programs)

# The programs are built once for all versions; those that measure are not among what runs here.
npm run --silent build
export TRIBUTARY_TESTS_BUILD_NOTHING=true

echo "Runs ${TESTS[*]} on other versions of Node.js"
for version in "$@"; do
  [[ -n $version ]] || continue
  npx --yes --package "node@$version" -- bash -c 'echo "Node.js $(node --version)"; exec node "$@"' _ \
    "${VITEST[@]}" "${TESTS[@]}"
done
