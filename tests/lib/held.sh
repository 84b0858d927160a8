# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
# Read in front of a printed script: its commands are kept and given to iptables-restore together, a table at a
# time, before something asks for that table. The same parser and the same rules, but few processes.

held=${HELD:?a directory} held_renamed=

iptables() { hold iptables "$@"; }
ip6tables() { hold ip6tables "$@"; }

mkdir() { # -p FOLDER
	[ -d "$2" ] || command mkdir "$@"
}

hold() { # COMMAND -w -t TABLE WORD...
	case "$2 $3 $5 $held_renamed" in
	"-w -t -E "*) held_renamed="$held_renamed $1.$4 " ;;
	*" $1.$4 "*) let_go "$1.$4" ;; # the new name is known, and the old one free, behind a commit alone
	"-w -t -"[ADFINX]" "*) ;;
	*) let_go "$1.$4" ;;
	esac
	case $5 in
	-[ADEFINX]) ;;
	*)
		command "$@"
		return
		;;
	esac
	held_file=$held/$1.$4
	[ -s "$held_file" ] || echo "*$4" >"$held_file"
	held_line=$5
	shift 5
	for held_word; do
		case $held_word in
		*[\"\\]*) held_word=$(printf '%s\n' "$held_word" | sed 's/["\\]/\\&/g') ;;
		esac
		held_line="$held_line \"$held_word\""
	done
	printf '%s\n' "$held_line" >>"$held_file"
}

let_go() { # COMMAND.TABLE
	case $held_renamed in
	*" $1 "*) held_renamed="${held_renamed%%" $1 "*} ${held_renamed#*" $1 "}" ;;
	esac
	[ -s "$held/$1" ] || return 0
	echo COMMIT >>"$held/$1"
	if command "${1%.*}-restore" -w --noflush "$held/$1"; then
		: >"$held/$1"
	else
		: >"$held/failed" # whoever asked may be in a pipe, where nobody sees its status
		mv "$held/$1" "$held/$1.refused"
		return 1
	fi
}

let_all_go() { # what the script ends with
	for held_file in "$held"/ip*tables.[a-z]*[a-z]; do
		[ ! -e "$held_file" ] || let_go "${held_file##*/}" || return
	done
	[ ! -e "$held/failed" ]
}
