# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of hostgate for bash; made by `make generate`.

_hostgate() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command='' word
	# bash splits --option=word into three words
	if [[ $cur == '=' ]]; then
		cur=''
	elif [[ $prev == '=' ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		check | plan | apply | confirm | rollback | status | remove | explain | prove | schema) command=$word && break ;;
		esac
	done
	COMPREPLY=()
	case $prev in
	--color) mapfile -t COMPREPLY < <(compgen -W 'auto always never' -- "$cur"); return ;;
	--netns) mapfile -t COMPREPLY < <(cd /run/netns 2>/dev/null && compgen -f -- "$cur"); return ;;
	--wait) return ;;
	--backend) mapfile -t COMPREPLY < <(compgen -W 'auto nftables iptables' -- "$cur"); return ;;
	--dry-run) [[ ${COMP_WORDS[*]} == *--dry-run*=* ]] && mapfile -t COMPREPLY < <(compgen -W 'iptables restore nft json' -- "$cur") && return ;;
	--confirm) return ;;
	--from) return ;;
	esac
	if [[ $cur == -* ]]; then
		local options='--help --version --quiet --verbose --json --color --netns --wait --backend --syslog'
		case $command in
		apply) options+=' --dry-run' ;;
		apply) options+=' --confirm' ;;
		apply) options+=' --prove' ;;
		apply) options+=' --with-host' ;;
		remove) options+=' --dry-run' ;;
		explain) options+=' --from' ;;
		explain) options+=' --live' ;;
		prove) options+=' --with-host' ;;
		prove) options+=' --tap' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
	elif [[ -z $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W 'check plan apply confirm rollback status remove explain prove schema' -- "$cur")
	else
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}
complete -o filenames -F _hostgate hostgate
