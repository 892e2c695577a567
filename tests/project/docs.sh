#!/bin/bash
# SPDX-License-Identifier: MIT
#
# What the documents name is there: each file and folder, each function (as `name()`)
# and constant, each run of the step-kill, and each of its negative controls.  Names
# are looked for between backquotes.  A system call is written as name(2) and is not
# looked for, nor is what stands in a block of code.

BUILD=none
# shellcheck source=tests/support/lib.sh
. "$(dirname "$0")/../support/lib.sh"
cd "$root" || exit

documents=(README.md CONTRIBUTING.md lib/*.md daemon/*.md tests/README.md tests/*/README.md)

# missing FILE...: a line for each name in these documents that nothing has; with
# COUNT=1, how many names were looked for.
missing() {
	perl -e '
		my $code = "";
		for my $f (glob "lib/*.h {lib,tools,daemon,tests}/*/*.[ch] daemon/*.[ch]") {
			open my $h, "<", $f or die "$f: $!";
			$code .= join "", <$h>;
		}
		$code =~ s{/\*.*?\*/}{}gs;
		sub contents { open my $h, "<", $_[0] or die "$_[0]: $!"; join "", <$h> }
		my %run = map { $_ => 1 } contents("tests/stepkill/scenario.c") =~ /^\t\{ "([^"]+)",/gm;
		my %control = map { $_ => 1 }
			contents("tests/stepkill/controls.sh") =~ /^(?:control|more) (?|\x27(.+?)\x27|"(.+?)")|run "\$dir" \x27(.+?)\x27/gm;

		# As the compiler looks for it, beside the document, or by its name alone.
		sub there {
			my ($name, $folder) = @_;
			$name =~ s{\bDIR\b}{*};
			my @in = (".", $folder, qw(lib tools daemon tests));
			push @in, qw(lib/* tools/* daemon/* tests/*) if $name !~ m{/.};
			grep { -e } map { glob "$_/$name $_/$name.c" } @in;
		}
		my ($looked, $end) = (0, "(?:c|h|sh|mk|md|pml|awk|map|[1-8])");
		my $path = qr{^[\w*-][\w.*/-]*\.$end$|^(?:lib|tools|daemon|tests|systemd)/[\w*./-]*$|^[\w-]+/$};
		for my $f (@ARGV) {
			my ($folder) = $f =~ m{(.*)/}; $folder //= ".";
			my ($text, %said) = contents($f);
			$text =~ s/^```.*?^```$//gms;
			my $say = sub { print "$f: $_[0]\n" if !$said{$_[0]}++ };
			for my $span ($text =~ /`([^`\n]+)`/g) {
				next if $span =~ /^cc /; # a program of the reader
				for my $word (split " ", $span) {
					if ($word =~ $path) {
						$looked++;
						$say->("no file $word") unless there($word, $folder);
					} elsif ($word =~ /^([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)$/) {
						$looked++;
						$say->("no constant $1") unless $code =~ /\b$1\b/;
					}
				}
				while ($span =~ /\b([a-z_]\w*)\(\)/g) {
					$looked++;
					$say->("no function $1()") unless $code =~ /\b$1 *\(/;
				}
			}
			# The last column of the tables that say where something is shown.
			for my $table ($text =~ /^\|.*(?:shown by|\| run) \|\n((?:\|.*\n)+)/gm) {
				for my $cell ($table =~ /([^|]*)\|$/gm) {
					for my $name ($cell =~ /`([^`]+)`/g) {
						next if $name =~ m{^tests/|\(\)$};
						$looked++;
						my ($run) = $name =~ m{^(.*?)(?:/\w+|, \.\.\.)?$};
						$say->("no run $name") unless grep { /^\Q$run\E/ } keys %run;
					}
				}
			}
			for my $name ($text =~ /\bcontrol \*([^*]+)\*/g) {
				$looked++;
				$say->("no control $name") unless $control{$name};
			}
		}
		print "$looked\n" if $ENV{COUNT};
	' "$@"
}

cat >"$tmp/sample.md" <<'END'
`lib/core/layout.h`, `core/ring.h`, `wake.h`, `chanctl.1`, `kind/` and `tests/segment/test_create` are
there, and so are `chan_send()` and `LAYOUT_FORMAT`; `lib/core/nothing.h`, `ring/ring.h`, `nowhere.c`,
`nothing/`, `chan_nothing()` and `LAYOUT_NOTHING` are not.

| region | shown by |
|---|---|
| there | `send`, `send/early`, `held, ...`; control *an unbounded lock* |
| not there | `sent`; control *a bounded lock* |
END
is "what the sample names, and nothing has" "$(missing "$tmp/sample.md" | sed 's/.*: no //' | paste -sd,)" \
	"$(printf '%s,' 'file lib/core/nothing.h' 'file ring/ring.h' 'file nowhere.c' 'file nothing/' \
		'function chan_nothing()' 'constant LAYOUT_NOTHING' 'run sent')control a bounded lock"

wrong=$(missing "${documents[@]}")
[ -z "$wrong" ] || fail "the documents name what is not there:"$'\n'"$wrong"
n=$(COUNT=1 missing "${documents[@]}" | tail -n1)
[ "$n" -ge 200 ] || fail "found only $n names in the documents"

finish "$n names in ${#documents[@]} documents"
