#!/bin/sh
# Installs farport @VERSION@ for the current user.
#
#   FARPORT_INSTALL_DIR   folder of the program [default: ~/.local/bin]
#   FARPORT_DOWNLOAD_URL  folder to download from [default: the release on GitHub]
set -eu

version="@VERSION@"
folder="${FARPORT_INSTALL_DIR:-$HOME/.local/bin}"
from="${FARPORT_DOWNLOAD_URL:-@REPOSITORY@/releases/download/v$version}"

fail() {
  echo "error: $1" >&2
  [ -z "${2:-}" ] || echo "hint: $2" >&2
  exit 1
}

system="$(uname -s)-$(uname -m)"
case "$system" in
@CASES@
  *) fail "there is no build of farport for $system" "build it with cargo install farport-cli" ;;
esac

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
name="farport-$version-$target"
archive="$scratch/$name.tar.gz"

echo "Downloading $from/$name.tar.gz"
if command -v curl >/dev/null 2>&1; then
  curl --proto '=https,http' --fail --silent --show-error --location --output "$archive" "$from/$name.tar.gz" ||
    fail "cannot download $name.tar.gz"
elif command -v wget >/dev/null 2>&1; then
  wget --quiet --output-document="$archive" "$from/$name.tar.gz" || fail "cannot download $name.tar.gz"
else
  fail "neither curl nor wget is installed"
fi

if command -v sha256sum >/dev/null 2>&1; then
  actual="$(sha256sum "$archive" | cut -d ' ' -f 1)"
elif command -v shasum >/dev/null 2>&1; then
  actual="$(shasum -a 256 "$archive" | cut -d ' ' -f 1)"
else
  fail "neither sha256sum nor shasum is installed"
fi
[ "$actual" = "$digest" ] ||
  fail "the checksum of $name.tar.gz is wrong: $actual instead of $digest" "try again; nothing was installed"

tar -xzf "$archive" -C "$scratch"
mkdir -p "$folder"
# A program that runs cannot be overwritten, but it can be replaced.
cp "$scratch/$name/farport" "$folder/.farport.new"
chmod 755 "$folder/.farport.new"
mv -f "$folder/.farport.new" "$folder/farport"

echo "Installed farport $version in $folder"
case ":$PATH:" in
  *":$folder:"*) ;;
  *) echo "Add the folder to PATH: export PATH=\"$folder:\$PATH\"" ;;
esac
