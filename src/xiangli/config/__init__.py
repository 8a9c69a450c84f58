"""The composition root: settings, URLs, the `xiangli` command, the demo. Knows every module; nothing knows
it."""
