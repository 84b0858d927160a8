# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of hostgate for fish; made by `make generate`.

set -l commands check plan apply status remove explain prove schema

complete -c hostgate -n "not __fish_seen_subcommand_from $commands" -f -a check -d 'tell whether the description is right'
complete -c hostgate -n "not __fish_seen_subcommand_from $commands" -f -a plan -d 'show what may pass and what apply would change'
complete -c hostgate -n "not __fish_seen_subcommand_from $commands" -f -a apply -d 'make the kernel match the description'
complete -c hostgate -n "not __fish_seen_subcommand_from $commands" -f -a status -d 'show what is installed, and whether it still matches'
complete -c hostgate -n "not __fish_seen_subcommand_from $commands" -f -a remove -d 'take everything out again'
complete -c hostgate -n "not __fish_seen_subcommand_from $commands" -f -a explain -d 'tell the way of one packet, step by step'
complete -c hostgate -n "not __fish_seen_subcommand_from $commands" -f -a prove -d 'send real packets through it, in a copy of the host'
complete -c hostgate -n "not __fish_seen_subcommand_from $commands" -f -a schema -d 'print the JSON Schema of the description'
complete -c hostgate -s h -l help -d 'print this help'
complete -c hostgate -s V -l version -d 'print the version'
complete -c hostgate -s q -l quiet -d 'print errors only'
complete -c hostgate -s v -l verbose -d 'print every change'
complete -c hostgate -l json -d 'print one JSON document instead of text'
complete -c hostgate -l color -x -a 'auto always never' -d 'colour the text'
complete -c hostgate -l netns -x -a '(path basename /run/netns/* 2>/dev/null)' -d 'work in the network namespace NAME of ip-netns(8)'
complete -c hostgate -l wait -x -d 'wait so long when another hostgate is at work; default 10'
complete -c hostgate -l backend -x -a 'auto nftables iptables' -d 'install through NAME, whatever the description says'
complete -c hostgate -l syslog -d 'send messages to syslog, too'
complete -c hostgate -n '__fish_seen_subcommand_from apply remove' -l dry-run -a 'iptables restore nft json' -d 'print a script or data instead of working'
complete -c hostgate -n '__fish_seen_subcommand_from apply' -l prove -d 'prove it first, and change nothing unless that succeeds'
complete -c hostgate -n '__fish_seen_subcommand_from prove' -l tap -d 'print the Test Anything Protocol, version 13'
complete -c hostgate -n '__fish_seen_subcommand_from explain' -l from -x -d 'the packet comes in on this interface, network or uplink'
