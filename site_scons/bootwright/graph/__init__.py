"""What knows SCons: the session, the nodes, the words of the command line."""
