# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC1090,SC1091
#
# offered.bash SCRIPT WORD...: what bash offers for the last word, a line each, once SCRIPT is sourced.

source /usr/share/bash-completion/bash_completion
source "$1" || exit
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
COMPREPLY=()
how=$(complete -p "$1")
function=$(sed -n 's/.* -F \([^ ]*\) .*/\1/p' <<<"$how")
# compopt complains where nobody has pressed a key.
compopt() { :; }
"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
# Where a function offers nothing, readline offers files.
if [ ${#COMPREPLY[@]} = 0 ] && [[ $how = *' -o default '* ]]; then
	mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
fi
printf '%s\n' "${COMPREPLY[@]}"
