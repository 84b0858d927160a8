#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The functions of the scripts that are printed, in parts that begin with a line "#: NAME"; print_iptables
# prints those that a script needs. The build makes script_parts.h of it.
set -eu
# shellcheck disable=SC2034 # what a part sets, another one or the script itself uses
record=

#: script_chains
# our chains: those of this run, and those of an earlier one that still work meanwhile
new='HOSTGATE-[^ .]*'
old='HOSTGATE-[^ .]*[.]OLD'

chains() { # COMMAND TABLE PATTERN
	"$1" -w -t "$2" -S | sed -n "s/^-N \\($3\\)\$/\\1/p"
}

# jumps from built-in chains to ours
jumps() { # COMMAND TABLE PATTERN
	"$1" -w -t "$2" -S | sed -n "s/^-A \\([A-Z]*\\) -j \\($3\\)\$/\\1 \\2/p"
}

discard() { # COMMAND TABLE PATTERN
	[ -n "$(chains "$@")" ] || return 0
	jumps "$@" | while read -r from to; do "$1" -w -t "$2" -D "$from" -j "$to"; done
	for chain in $(chains "$@"); do "$1" -w -t "$2" -F "$chain"; done
	for chain in $(chains "$@"); do "$1" -w -t "$2" -X "$chain"; done
}

#: script_fill_hole

# our rules in other programs' chains (holes), found by their comment
fill_hole() { # COMMAND CHAIN
	"$1" -w -t filter -S "$2" >/dev/null 2>&1 || return 0
	"$1" -w -t filter -S "$2" | grep '^-A' | grep -n -e '--comment "hostgate: ' |
		sed 's/:.*//' | sort -rn |
		while read -r number; do "$1" -w -t filter -D "$2" "$number"; done
}

#: script_put_back

# restore values under /proc/sys, unless another program has changed them since
put_back() { # OPTION-OF-GREP
	[ -e "$record" ] || return 0
	grep "$1" forward "$record" | while read -r path before written; do
		[ ! -e "$path" ] || [ "$(cat "$path")" != "$written" ] || echo "$before" >"$path"
	done
}

#: script_aside

# rename what an earlier run installed; it stays in force meanwhile
aside() { # COMMAND TABLE CHAIN... (the first of them that is there gets its jump last)
	command=$1 table=$2
	shift 2
	[ -n "$(chains "$command" "$table" 'HOSTGATE-.*')" ] || return 0
	for last in "$@"; do
		[ -z "$(chains "$command" "$table" "$last")" ] || break
	done
	if [ -z "$(jumps "$command" "$table" "$last")" ] && [ -n "$(jumps "$command" "$table" "$old")" ]; then
		discard "$command" "$table" "$new" # a run was interrupted: only the old ones are whole
		return
	fi
	discard "$command" "$table" "$old"
	for chain in $(chains "$command" "$table" "$new"); do
		"$command" -w -t "$table" -E "$chain" "$chain.OLD"
	done
}

# write a value under /proc/sys, if it exists and differs, and record what it was
write() { # PATH VALUE
	[ -e "$1" ] || return 0
	now=$(cat "$1")
	[ "$now" != "$2" ] || return 0
	mkdir -p "${record%/*}"
	grep -qs "^$1 " "$record" || echo "$1 $now $2" >>"$record"
	echo "$2" >"$1"
}

#: script_keep_ra

# tell whether the kernel learned a default route there by router advertisement
has_ra_route() { # INTERFACE
	flags='[0-9a-f]\{3\}[13-79b-f][0-9a-f]\{4\}'
	sed -n "s/^0\{32\} 00 .* $flags  *//p" /proc/net/ipv6_route | grep -Fqx -e "$1"
}

# let an interface go on accepting router advertisements when the host begins to forward
keep_ra() { # PATH VALUE
	[ -e "$1" ] || return 0
	conf=${1%/*}
	[ "$(cat "${conf%/*}/all/forwarding")" = 0 ] || return 0
	if has_ra_route "${conf##*/}"; then
		write "$1" "$2"
	elif [ "$(cat "$1")" = 1 ] && [ "$(cat "$conf/forwarding")" = 0 ] &&
		[ ! -e "/sys/class/net/${conf##*/}/brport" ]; then
		write "$1" "$2"
	fi
}

#: script_hole

# add a rule to another program's chain, if it exists: at its head, but behind our own jump
hole() { # COMMAND CHAIN RULE...
	command=$1 chain=$2
	shift 2
	"$command" -w -t filter -S "$chain" >/dev/null 2>&1 || return 0
	last=$("$command" -w -t filter -S "$chain" | grep '^-A' |
		grep -n -e ' -j HOSTGATE-' -e '--comment "hostgate: ' | sed -n '$s/:.*//p')
	"$command" -w -t filter -I "$chain" "$((${last:-0} + 1))" "$@"
}

#: script_numbered

# whether an uplink has an address for masquerade, which would else take another interface's
numbered() { # -4|-6 INTERFACE
	[ -n "$(ip -o "$1" address show dev "$2" scope global 2>/dev/null)" ] && return
	echo "warning: $2 has no address (ip $1): nothing is translated to it until it has one" \
		"and this script runs again" >&2
	return 1
}

#: script_clean

# delete other programs' rules, from the last to the first; chains, policies and our jumps stay
clean() { # COMMAND TABLE
	for chain in $("$1" -w -t "$2" -S | sed -n 's/^-P \([^ ]*\) .*/\1/p'); do
		number=$("$1" -w -t "$2" -S "$chain" | grep -c '^-A') || continue
		while [ "$number" -gt 0 ]; do
			"$1" -w -t "$2" -S "$chain" "$number" | grep -q ' -[jg] HOSTGATE-[^ ]*$' ||
				"$1" -w -t "$2" -D "$chain" "$number"
			number=$((number - 1))
		done
	done
	"$1" -w -t "$2" -S | sed -n '/^-N HOSTGATE-/d; s/^-N //p' |
		while read -r chain; do "$1" -w -t "$2" -F "$chain"; done
}
