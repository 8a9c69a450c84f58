"""Starting Xiangli: the embedded database, and the tree of processes that serve one home folder."""
