#!/bin/bash
# SPDX-License-Identifier: MIT
#
# The binding for Python: its own tests, its types, and its installation.

BUILD_STAYS=1
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
[ -z "${SANITIZE-}" ] || skip 'the interpreter is not built with sanitizers'
: "${PYTHON:=python3}"
"$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || skip 'needs Python 3.11'
export PYTHON LD_LIBRARY_PATH=$BUILD PYTHONDONTWRITEBYTECODE=1
source=lib/bindings/python

check "its own tests pass" env PYTHONPATH=$source timeout 300 "$PYTHON" -X faulthandler -W error \
	tests/bindings/python/test_shmchan.py
n=$(sed -n 's/^Ran \([0-9]*\) tests.*/\1/p' "$tmp/out")
[ "${n:-0}" -ge 40 ] || fail "only ${n:-0} tests were run"

if "$PYTHON" -m mypy --version >/dev/null 2>&1 || has_program mypy; then
	check "its types are right" env -C $source mypy --no-error-summary --cache-dir="$tmp/mypy" shmchan
fi

# Installed, it is found, and it is gone when it is uninstalled.
tree=$tmp/tree
make --no-print-directory install-python PYTHON="$PYTHON" DESTDIR="$tree" PREFIX=/usr pythondir=/there \
	>"$tmp/log" 2>&1 || { fail 'make install-python failed:'; cat "$tmp/log"; }
is "installed, it is found" \
	"$(env -C / PYTHONPATH="$tree/there" "$PYTHON" -c 'import shmchan; print(shmchan.__file__)')" \
	"$tree/there/shmchan/__init__.py"
[ -e "$tree/there/shmchan/py.typed" ] || fail 'py.typed is not installed'
rm -rf "$tree/there/shmchan/__pycache__"
make --no-print-directory uninstall-python PYTHON="$PYTHON" DESTDIR="$tree" PREFIX=/usr pythondir=/there \
	>"$tmp/log" 2>&1
is "what is left by uninstall-python" "$(find "$tree" ! -type d)" ''
is "pyproject.toml has the version of the library" \
	"$(sed -n 's/^version = "\(.*\)"/\1/p' $source/pyproject.toml)" \
	"$(sed -n 's/^#define CHAN_VERSION "\(.*\)"/\1/p' lib/shmchan.h)"

if "$PYTHON" -c 'import setuptools, wheel, pip' 2>/dev/null; then
	cp -r $source "$tmp/source"
	check "a wheel can be built" "$PYTHON" -m pip wheel -q --no-build-isolation --no-deps \
		-w "$tmp/wheel" "$tmp/source"
	is "the wheel" "$(cd "$tmp/wheel" && ls)" "shmchan-$("$PYTHON" -c 'import re
print(re.search("version = \"(.*)\"", open("'$source'/pyproject.toml").read())[1])')-py3-none-any.whl"
else
	not_tried "a wheel (needs python3-pip, python3-setuptools and python3-wheel)"
fi
if has_program dpkg-deb; then
	check "a Debian package can be made" make --no-print-directory deb-python
	dpkg-deb -c "$BUILD"/python3-shmchan_*_all.deb >"$tmp/deb"
	grep -q ' ./usr/lib/python3/dist-packages/shmchan/__init__.py$' "$tmp/deb" ||
		fail 'the Debian package lacks the module'
fi
finish "${n:-0} tests of its own"
