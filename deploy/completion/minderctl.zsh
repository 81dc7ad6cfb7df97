#compdef minderctl
# zsh completion of minderctl. Load it with: source <(minderctl completion zsh)
_minderctl_nodes() {
  local -a nodes
  nodes=("${(@f)$(command minderctl __nodes 2>/dev/null)}")
  compadd -- ${nodes:#}
}

_minderctl() {
  local context state line
  typeset -A opt_args
  local -a global verbs
  global=(
    '--arbitrator[HOST:PORT of the arbitrator]:address:'
    '(-o --output)'{-o,--output}'[format of data]:format:(table wide json yaml)'
    '--timeout[how long the arbitrator may take to answer]:duration:'
    '--no-color[no colour]'
    '--version[print the version]'
    '--help[print help]'
  )
  verbs=(
    'status_summary:show the diagnosis and every dbserver'
    'status:the same as status_summary'
    'request_status:have dbservers report now'
    'explain:show the decision of now and its facts'
    'history:show the audit trail'
    'drain:take a dbserver out of service'
    'undrain:let a drained dbserver serve again'
    'make_primary:promote a group of dbservers'
    'declare_dead:say that a dbserver is dead'
    'recover:recover from a full stop'
    'acknowledge:after split brain, say which side stays'
    'release:after split brain, let a dbserver go on'
    'pause:keep the hands off primary components'
    'resume:end a pause'
    'watch:print a line for every change'
    'capture:print all that the decision rests on'
    'rules:print the rule table'
    'version:print the version'
    'completion:print a completion script'
  )
  _arguments -C $global '1:verb:->verb' '*::argument:->argument'
  case $state in
    verb) _describe verb verbs ;;
    argument)
      local verb=$line[1]
      case $verb in
        status|status_summary|status-summary) _arguments $global '--watch[show it again after every change]' ;;
        request_status|request-status) _arguments $global '1:dbserver:_minderctl_nodes' ;;
        drain|undrain)
          _arguments $global '--deadline[how long to wait]:duration:' '--dry-run[only show the plan]' \
            '1:dbserver:_minderctl_nodes' ;;
        make_primary|make-primary)
          _arguments $global '--force[without what is not proven]' '--confirm[digest that you were shown]:digest:' \
            '--reason[why]:text:' '--deadline[how long to wait]:duration:' '--dry-run[only show the plan]' \
            '1:dbserver:_minderctl_nodes' ;;
        declare_dead|declare-dead|release)
          _arguments $global '--confirm[its name again]:dbserver:_minderctl_nodes' '--reason[why]:text:' \
            '--dry-run[only show the plan]' '1:dbserver:_minderctl_nodes' ;;
        recover)
          _arguments $global '*--without[give it up]:dbserver:_minderctl_nodes' '--confirm[digest that you were shown]:digest:' \
            '--reason[why]:text:' '--deadline[how long to wait]:duration:' '--dry-run[only show the plan]' ;;
        acknowledge)
          _arguments $global '--keep[the side that stays]:dbserver:_minderctl_nodes' \
            '--confirm[digest that you were shown]:digest:' '--reason[why]:text:' '--dry-run[only show the plan]' ;;
        pause)
          _arguments $global '--for[how long]:duration:' '--reason[why]:text:' '--dry-run[only show the plan]' ;;
        resume) _arguments $global '--dry-run[only show the plan]' ;;
        explain) _arguments $global '--file[decide anew what was captured]:file:_files' ;;
        history) _arguments $global '--limit[how many entries]:number:' ;;
        rules) _arguments $global '--mermaid[as a flowchart]' ;;
        watch) _arguments $global '--deadline[stop after this time]:duration:' ;;
        completion) _arguments '1:shell:(bash zsh fish)' ;;
      esac ;;
  esac
}

if [[ $funcstack[1] == _minderctl ]]; then
  _minderctl "$@"
else
  compdef _minderctl minderctl
fi
