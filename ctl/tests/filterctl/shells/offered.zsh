# SPDX-License-Identifier: GPL-2.0
#
# offered.zsh FOLDER LINE: what zsh offers behind LINE, a line each, with FOLDER in the path of its functions.
# Only a shell with a terminal completes: one is asked by a pseudo terminal.

zmodload zsh/zpty
zpty inner zsh -f -i
say() { zpty -w inner "$1" }
say "PROMPT= RPROMPT= PS2=; stty -echo; fpath=(${(q)1} \$fpath); autoload -Uz compinit; compinit -u -d ${(q)1}/.zcompdump"
# What is offered, instead of showing it.
say 'compadd() { local -a hits; builtin compadd -A hits "$@"; (( $#hits )) && print -rl -- "offered:"${^hits}; builtin compadd "$@" }'
say 'finish() { print -r -- offered-all }; zle -N finish; bindkey "^X" finish; bindkey "^I" complete-word; print ready'
while zpty -r inner line && [[ $line != ready* ]]; do :; done
zpty -w -n inner "$2"$'\t\x18'
while zpty -r inner line; do
	line=${${line//$'\r'/}%$'\n'}
	[[ $line != *offered-all* ]] || break
	[[ $line != *offered:* ]] || print -r -- ${line##*offered:}
done
zpty -d inner
