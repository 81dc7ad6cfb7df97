# fish completion of minderctl. Load it with: minderctl completion fish | source
set -l status_verbs status_summary status status-summary
set -l node_verbs drain undrain request_status request-status
complete -c minderctl -f
complete -c minderctl -n __fish_use_subcommand -a status_summary -d 'Show the diagnosis and every dbserver'
complete -c minderctl -n __fish_use_subcommand -a status -d 'The same as status_summary'
complete -c minderctl -n __fish_use_subcommand -a request_status -d 'Have dbservers report now'
complete -c minderctl -n __fish_use_subcommand -a drain -d 'Take a dbserver out of service'
complete -c minderctl -n __fish_use_subcommand -a undrain -d 'Let a drained dbserver serve again'
complete -c minderctl -n __fish_use_subcommand -a watch -d 'Print a line for every change'
complete -c minderctl -n __fish_use_subcommand -a version -d 'Print the version'
complete -c minderctl -n __fish_use_subcommand -a completion -d 'Print a completion script'
complete -c minderctl -l arbitrator -x -d 'HOST:PORT of the arbitrator'
complete -c minderctl -s o -l output -x -a 'table wide json yaml' -d 'Format of data'
complete -c minderctl -l timeout -x -d 'How long the arbitrator may take to answer'
complete -c minderctl -l no-color -d 'No colour'
complete -c minderctl -l version -d 'Print the version'
complete -c minderctl -l help -d 'Print help'
complete -c minderctl -n "__fish_seen_subcommand_from $status_verbs" -l watch -d 'Show it again after every change'
complete -c minderctl -n '__fish_seen_subcommand_from drain undrain watch' -l deadline -x -d 'How long to wait'
complete -c minderctl -n '__fish_seen_subcommand_from drain undrain' -l dry-run -d 'Only show the plan'
complete -c minderctl -n "__fish_seen_subcommand_from $node_verbs" -a '(minderctl __nodes 2>/dev/null)'
complete -c minderctl -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'
