#!/bin/sh
# Install what OpenSearch's tests need beside Python: a Java and Maven, from Debian, as root.
# It prints what can't be installed; those tests are then skipped by name.
set -u

missing=
command -v java >/dev/null || missing=java
command -v mvn >/dev/null || missing="${missing:+$missing }maven"
[ -z "$missing" ] && exit 0

install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    # Debian 13 has no Java 17; OpenSearch 2.19 runs on 21 as well.
    { apt-get -qq update && { install openjdk-17-jre-headless maven ||
        install openjdk-21-jre-headless maven; }; } >/dev/null 2>&1 && exit 0
    echo "can't be installed here: $missing: the tests of opensearch will be skipped"
else
    echo "not installed: $missing: the tests of opensearch will be skipped" \
        "(as root: apt-get install openjdk-17-jre-headless maven)"
fi
exit 0
