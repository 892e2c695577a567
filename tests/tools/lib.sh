# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The old place of tests/support/lib.sh, until the last script has moved there.

# shellcheck source=tests/support/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/lib.sh"
