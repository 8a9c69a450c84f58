"""The subcommands of `xiangli`, one a file; each has one `command`. They translate and call; the work is
elsewhere.
"""
