#!/bin/sh
# Install what tests need beside Python: jq, chromium, and a Java and Maven for OpenSearch. From
# Debian, as root, all at once: reading the lists of packages takes as long as one of them.
# It prints what can't be installed; those tests are then skipped by name.
set -u

is_missing() { ! command -v "$1" >/dev/null; }

packages=
is_missing jq && packages="$packages jq"
is_missing chromium && packages="$packages chromium"
is_missing mvn && packages="$packages maven"
java=
is_missing java && java=openjdk-17-jre-headless
[ -z "$packages$java" ] && exit 0

install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$@"
}

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    {
        apt-get -qq update
        # Debian 13 has no Java 17; OpenSearch 2.19 runs on 21 as well.
        apt-cache show ${java:-jq} || java=openjdk-21-jre-headless
        # One package that is not there must not keep out the others.
        install $packages $java || for package in $java $packages; do install "$package"; done
    } >/dev/null 2>&1
fi

for tool in jq chromium; do
    is_missing $tool && echo "$tool can't be installed here: its tests will be skipped"
done
for tool in java mvn; do
    is_missing $tool && echo "$tool can't be installed here (openjdk-17-jre-headless, maven):" \
        "the tests of opensearch will be skipped"
done
exit 0
